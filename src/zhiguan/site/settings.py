"""Settings. Values that differ between places come from the environment; docs/operations.md lists them."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from zhiguan.site.runtime.paths import var_dir

PACKAGE = Path(__file__).resolve().parent.parent
VAR = var_dir()
TESTING = "pytest" in sys.modules
DEBUG = os.environ.get("ZHIGUAN_DEBUG") == "1"


def _stored(name: str, file: str) -> str:
    try:
        return json.loads((VAR / file).read_text()).get(name, "")
    except (OSError, ValueError):
        return ""


# A process without a stored key gets one of its own: sessions then end with it, but nothing is ever signed by a
# key that others know.
SECRET_KEY = (
    os.environ.get("ZHIGUAN_SECRET_KEY") or _stored("django_secret_key", "secrets.json") or secrets.token_urlsafe(50)
)

ALLOWED_HOSTS = os.environ.get("ZHIGUAN_HOSTS", "localhost,127.0.0.1,[::1],testserver").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("ZHIGUAN_ORIGINS", "").split(",") if origin]
BEHIND_TLS = os.environ.get("ZHIGUAN_TLS") == "1"

FUNCTIONS = sorted(path.parent.name for path in (PACKAGE / "functions").glob("*/apps.py"))
LINES = sorted(path.parent.name for path in (PACKAGE / "lines").glob("*/manifest.py"))
EXTRA_LINES = [name for name in os.environ.get("ZHIGUAN_EXTRA_LINES", "").split(",") if name]
"""Packages of lines outside the source tree (dotted names)."""
KERNEL = [
    part
    for part in (
        "orgs identity calendar reference geo files events notices trace telemetry ledger documents flow supervision metrics "
        "catalog exchange cockpit"
    ).split()
    if (PACKAGE / "kernel" / part / "apps.py").exists()
]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "procrastinate.contrib.django",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "zhiguan.kit",
    *(f"zhiguan.kernel.{part}" for part in KERNEL),
    *(f"zhiguan.functions.{function}" for function in FUNCTIONS),
    *(f"zhiguan.lines.{line}" for line in LINES),
    *EXTRA_LINES,
    "zhiguan.site",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "zhiguan.site.middleware.CompressionMiddleware",
    "zhiguan.site.middleware.ContentSecurityPolicy",
    "zhiguan.site.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "zhiguan.site.middleware.SessionTrackMiddleware",
    "zhiguan.site.middleware.ActorMiddleware",
    "zhiguan.site.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "zhiguan.site.urls"
WSGI_APPLICATION = "zhiguan.site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE / "site" / "templates"],  # before allauth's own pages
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "zhiguan.site.context.zg",
            ],
        },
    },
]


def database(url: str) -> dict:
    """Return Django's settings for a libpq URL; a socket directory may stand in ``?host=``."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "zhiguan.kit.rowscope.backend",
        "NAME": parts.path.lstrip("/") or "unset",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "ATOMIC_REQUESTS": True,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # No statement is prepared unasked: a plan made for one scope is wrong for the next (DESIGN §3).
        "OPTIONS": {"prepare_threshold": None, **query},
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }


def database_url(kind: str) -> str:
    """Return the URL of the application, owner or ingest role; empty when no database is configured."""
    name = "DATABASE_URL" if kind == "app" else f"DATABASE_{kind.upper()}_URL"
    return os.environ.get(name) or _stored(kind, "run/database.json")


DATABASES = {"default": database(database_url("app"))}
DATABASE_OWNER_URL = database_url("owner")
DATABASE_INGEST_URL = database_url("ingest")
DATABASE_APP_ROLE = DATABASES["default"]["USER"] or "zhiguan_app"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "identity.Account"
AUTHENTICATION_BACKENDS = ["zhiguan.kernel.identity.backends.AccountBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "zhiguan.kernel.identity.passwords.ConfiguredRules"},
]
PASSWORD_HASHERS = (
    ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if TESTING
    else ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
)
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_ADAPTER = "zhiguan.kernel.identity.adapter.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "zhiguan.kernel.identity.oidc.SocialAdapter"
MFA_ADAPTER = "zhiguan.kernel.identity.adapter.FactorAdapter"
ACCOUNT_FORMS = {
    "login": "zhiguan.kernel.identity.forms.LoginForm",
    "change_password": "zhiguan.kernel.identity.forms.ChangePasswordForm",
    "reauthenticate": "zhiguan.kernel.identity.forms.ReauthenticateForm",
}
MFA_FORMS = {
    "authenticate": "zhiguan.kernel.identity.forms.SecondFactorForm",
    "reauthenticate": "zhiguan.kernel.identity.forms.SecondFactorAgainForm",
    "activate_totp": "zhiguan.kernel.identity.forms.ActivateCodeForm",
    "add_webauthn": "zhiguan.kernel.identity.forms.AddPasskeyForm",
    "edit_webauthn": "zhiguan.kernel.identity.forms.EditPasskeyForm",
}
ACCOUNT_LOGOUT_ON_GET = False
# Our own lock-out counts in the database, for all processes together; by address, everybody behind a proxy is one.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
ACCOUNT_PASSWORD_CHANGE_REDIRECT_URL = "/"  # noqa: S105
ACCOUNT_SESSION_REMEMBER = False
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not BEHIND_TLS
MFA_TOTP_ISSUER = "智管"
MFA_TOTP_TOLERANCE = 1  # steps of 30 s: telephones' clocks differ from ours
USERSESSIONS_TRACK_ACTIVITY = True
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {"APPS": json.loads(os.environ.get("ZHIGUAN_OIDC_APPS", "[]")), "OAUTH_PKCE_ENABLED": True}
}
# By a link: a form may not lead to other hosts (content policy), and the provider's own redirects cannot be listed.
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10
ZHIGUAN_OIDC_CLAIM = os.environ.get("ZHIGUAN_OIDC_CLAIM", "preferred_username")
"""The provider's claim that says the account's name."""

SESSION_COOKIE_AGE = int(os.environ.get("ZHIGUAN_SESSION_SECONDS", str(8 * 3600)))
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

LANGUAGE_CODE = "zh-hans"
USE_I18N = True
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True
DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "Y-m-d H:i"
FORMAT_MODULE_PATH = "zhiguan.site.formats"

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [("geo", PACKAGE / "kernel" / "geo" / "data")]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING or DEBUG
        else "whitenoise.storage.CompressedStaticFilesStorage"
    },
}
WHITENOISE_IMMUTABLE_FILE_TEST = r"/kit/dist/assets/"
WHITENOISE_USE_FINDERS = TESTING or DEBUG
MEDIA_ROOT = VAR / "files"

ZHIGUAN_MAIL = os.environ.get("ZHIGUAN_MAIL_HOST", "")
"""Mail server of this installation; empty: no mail is sent."""
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if ZHIGUAN_MAIL else 'dummy'}.EmailBackend"
EMAIL_HOST = ZHIGUAN_MAIL
EMAIL_PORT = int(os.environ.get("ZHIGUAN_MAIL_PORT", "465"))
EMAIL_HOST_USER = os.environ.get("ZHIGUAN_MAIL_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("ZHIGUAN_MAIL_PASSWORD", "")
EMAIL_USE_SSL = os.environ.get("ZHIGUAN_MAIL_SECURITY", "ssl") == "ssl"
EMAIL_USE_TLS = os.environ.get("ZHIGUAN_MAIL_SECURITY", "ssl") == "starttls"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("ZHIGUAN_MAIL_FROM", EMAIL_HOST_USER or "zhiguan@localhost")
ZHIGUAN_URL = os.environ.get("ZHIGUAN_URL", "").rstrip("/")
"""Address under which people reach this installation, for links in mails."""
ZHIGUAN_NOTICE_DAYS = int(os.environ.get("ZHIGUAN_NOTICE_DAYS", "180"))
"""Days a read notice is kept; an unread one twice as long."""

ZHIGUAN_TRACE_DIGEST = os.environ.get("ZHIGUAN_TRACE_DIGEST", "sha256")
"""Digest of the trace: sha256 or sm3."""
ZHIGUAN_CITY = os.environ.get("ZHIGUAN_CITY", "上海市")
ZHIGUAN_SITE_NAME = os.environ.get("ZHIGUAN_SITE_NAME", "智管 · 机关事务数字化平台")
ZHIGUAN_MAP_STYLE_URL = os.environ.get("ZHIGUAN_MAP_STYLE_URL", "")
ZHIGUAN_MAP_TILES_URL = os.environ.get("ZHIGUAN_MAP_TILES_URL", "")
ZHIGUAN_MAP_APPROVAL_NUMBER = os.environ.get("ZHIGUAN_MAP_APPROVAL_NUMBER", "")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("ZHIGUAN_LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"}, "procrastinate": {"level": "WARNING"}, "pikepdf": {"level": "WARNING"},
    },
}
ZHIGUAN_LIVE_URL = os.environ.get("ZHIGUAN_LIVE_URL", "")
"""Where browsers reach the live process, e.g. behind a proxy; otherwise its port on the same host, if set."""
ZHIGUAN_LIVE_PORT = os.environ.get("ZHIGUAN_LIVE_PORT", "")
ZHIGUAN_LAKE = os.environ.get("ZHIGUAN_LAKE", "")
"""Folder of the sealed positions; empty: ``lake`` in the data folder."""
ZHIGUAN_FILE_SCAN = os.environ.get("ZHIGUAN_FILE_SCAN", "")
"""Dotted path of the virus scanner ``scan(path) -> reason or ""``; without one files are kept unscanned."""
ZHIGUAN_WEBHOOK_LOOPBACK = os.environ.get("ZHIGUAN_WEBHOOK_LOOPBACK") == "1"
"""Let deliveries of events go to any address, this machine's own services included: for tests."""
ZHIGUAN_API_PER_MINUTE = int(os.environ.get("ZHIGUAN_API_PER_MINUTE", "600"))
"""Requests a minute that each API key (or signed-in account) may make in each process."""
ZHIGUAN_DOCUMENT_WORD = os.environ.get("ZHIGUAN_DOCUMENT_WORD", "沪机管")
"""机关代字 with which the numbers of issued documents begin."""
ZHIGUAN_BUREAU = os.environ.get("ZHIGUAN_BUREAU", "")
"""Code of the organ that issues documents; empty: the municipal organ whose name contains 机关事务管理."""
ZHIGUAN_SIGNATURE_KEY = os.environ.get("ZHIGUAN_SIGNATURE_KEY", "")
ZHIGUAN_SIGNATURE_CERT = os.environ.get("ZHIGUAN_SIGNATURE_CERT", "")
ZHIGUAN_SIGNATURE_PASSWORD = os.environ.get("ZHIGUAN_SIGNATURE_PASSWORD", "")
"""PEM files of key and certificates that documents are signed with; empty: a pair of our own, made at first use."""
ZHIGUAN_TSA_URL = os.environ.get("ZHIGUAN_TSA_URL", "")
"""Address of a time stamping authority (RFC 3161 over HTTP) for issued documents; empty: no trusted time."""
ZHIGUAN_CHECK_PER_MINUTE = int(os.environ.get("ZHIGUAN_CHECK_PER_MINUTE", "60"))
"""Checks of documents a minute that one address may make in each process, without sign-in."""
