"""The acts of orgs enter the log when the edge hands in the log's own recorder."""

from __future__ import annotations

from datetime import date

import pytest

from zhiguan.kernel.orgs import demo, service
from zhiguan.kernel.trace.service import record
from zhiguan.kit.errors import Denied


def test_every_act_of_orgs_is_recorded(as_system, make_actor) -> None:
    demo.seed("small", today=date(2026, 3, 2))
    finance = service.unit_by_code("310000-C11")
    bureau = service.unit_by_code("310000-E01")
    day, actor, seen = date(2026, 3, 3), as_system, []

    def note(*args, **more):
        entry = record(*args, **more)
        seen.append(entry.code)
        return entry

    new = service.create_unit(actor, parent=finance, code="T1", name="新处", kind="division", record=note, on=day)
    service.change_unit(actor, new, phone="021-00000000", lat=31.2, record=note)
    service.rename_unit(actor, new, name="新设处", record=note, on=day)
    service.set_establishment(actor, new, kind="administrative", quota=3, record=note, on=day)
    person = service.register_person(actor, code="N1", name="曾新", unit=new, post="处长", record=note, on=day)
    service.change_person(actor, person, name="曾新", phone="63210000", record=note)
    target = service.children(bureau).first()
    service.transfer(actor, person, target, post="处长", record=note, on=date(2026, 3, 4))
    held = person.appointments.get(valid_to=None)
    service.end_appointment(actor, held, end_reason="resigned", record=note, on=date(2026, 3, 5))
    service.move_unit(actor, new, parent=bureau, record=note, on=date(2026, 3, 6))
    other = service.create_unit(actor, parent=bureau, code="T2", name="旧处", kind="division", record=note, on=day)
    service.merge_unit(actor, other, into=new, record=note, on=date(2026, 3, 6))
    service.close_unit(actor, new, record=note, on=date(2026, 3, 7))
    assert {*seen, "orgs.person.contact"} == set(service.ACTS), "the read is recorded by its page"
    count = len(seen)
    with pytest.raises(Denied):
        service.rename_unit(make_actor({}), bureau, name="某局", record=note)
    assert len(seen) == count
