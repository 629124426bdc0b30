"""Exemptions of kernel, kit and site: ("law-name subject", reason). A line's stand in its own manifest."""

_NO_PAGE = "the part's own pages are not there yet; the permission already opens the area's rows in PostgreSQL"

_OWN_TESTS = "administration pages: the inherited suite is due; some of their flows are in site/tests/test_administration.py"
_ADMINISTRATION = """
identity.account identity.account.detail identity.apikey identity.apikey.detail identity.app
identity.app.create identity.app.detail identity.grant identity.grant.create identity.grant.detail
identity.mykey identity.mykey.detail identity.policy identity.role identity.role.detail
identity.session identity.session.detail trace.checkpoint trace.checkpoint.detail trace.entry
trace.entry.detail
""".split()

EXEMPTIONS: tuple[tuple[str, str], ...] = (
    ("permissions-are-used orgs.unit.view", _NO_PAGE),
    ("permissions-are-used orgs.person.view", _NO_PAGE),
    ("permissions-are-used orgs.establishment.view", _NO_PAGE),
    ("permissions-are-used telemetry.source.view", _NO_PAGE),
    *((f"pages-are-tested {page}", _OWN_TESTS) for page in _ADMINISTRATION),
)
