"""Settings, all from the environment or the file `.env`; docs/configuration.md lists them.

Secure by default: what development needs to relax, `make setup` writes into `.env`.
"""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.urls import reverse_lazy
from environs import Env, validate

from shop.admin.theme import theme
from shop.embedded.servers import DATABASE, USER, Layout
from shop.monitoring.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()
env.read_env(os.environ.get("ENV_FILE", str(BASE_DIR / ".env")), recurse=False)

# Core
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS: list[str] = [key for key in env.list("SECRET_KEY_FALLBACKS", [], subcast=str.strip) if key]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"], subcast=str.strip)
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [], subcast=str.strip)
HTTPS_ONLY = env.bool("HTTPS_ONLY", True)
VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var"))).absolute()
_embedded = Layout(VAR_DIR)

ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
ASGI_APPLICATION = "shop.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "shop.apps.ShopAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "rest_framework.authtoken",
    "treebeard",
    "shop.apps.ShopConfig",
    "catalog.apps.CatalogConfig",
    "recommendations.apps.RecommendationsConfig",
]

MIDDLEWARE = [
    "shop.requests.middleware.RequestIdMiddleware",
    "shop.requests.caching.PrivateAnswersMiddleware",
    "shop.requests.hosts.AllowedHostMiddleware",
    "shop.requests.api.ApiErrorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "shop.requests.middleware.RequestSizeMiddleware",
    "shop.requests.middleware.DatabaseErrorMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "shop.requests.middleware.ContentSecurityPolicyMiddleware",
    "catalog.clients.middleware.ClientMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "shop.requests.limits.ThrottleMiddleware",
    "shop.requests.limits.StaffStatementMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "catalog.storefront.moved.MovedMiddleware",
    "recommendations.storefront.middleware.ViewedMiddleware",
    "axes.middleware.AxesMiddleware",  # innermost: its answer passes through all the others
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [VAR_DIR / "templates", BASE_DIR / "templates"],  # the shop's own take precedence
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "shop.context.shop",
            ],
            "builtins": ["django.templatetags.i18n"],  # every template marks its words for translation
        },
    },
]

# Database: DATABASE_URL, or the embedded Postgres below VAR_DIR
if env.str("DATABASE_URL", ""):
    DATABASES = {"default": env.dj_db_url("DATABASE_URL")}
else:
    DATABASES = {
        "default": {
            "ENGINE": "shop.postgresql",
            "NAME": DATABASE,
            "USER": USER,
            "HOST": str(_embedded.sockets),
            "PORT": "5432",
        }
    }
DATABASE_POOL = env.bool("DATABASE_POOL", False)
# Only for web processes; shop/wsgi.py and shop/asgi.py set SERVES_REQUESTS. Everything else may take long.
SERVES_REQUESTS = env.bool("SERVES_REQUESTS", False)
STATEMENT_SECONDS = env.float("STATEMENT_SECONDS", 5.0, validate=validate.Range(min=0.1))
STAFF_STATEMENT_SECONDS = env.float("STAFF_STATEMENT_SECONDS", 30.0, validate=validate.Range(min=0.1))
_database_options: dict[str, Any] = DATABASES["default"].setdefault("OPTIONS", {})
# Postgres uses the last of repeated options, so those of DATABASE_URL take precedence over these.
_own_options = str(_database_options.pop("options", ""))
DATABASE_LIMITS_STATEMENTS = "statement_timeout" in _own_options
_database_options.update(
    {
        "options": " ".join(
            [
                # A filtered HNSW scan continues until it has enough rows (pgvector README, "Iterative scans").
                "-c hnsw.iterative_scan=strict_order -c hnsw.ef_search=100",
                *(
                    [
                        f"-c statement_timeout={STATEMENT_SECONDS * 1000:.0f}",
                        "-c idle_in_transaction_session_timeout=60000",
                    ]
                    if SERVES_REQUESTS
                    else []
                ),
                *([_own_options] if _own_options else []),
            ]
        ),
        "connect_timeout": 5,
        # While the database is down, the pool retries less and less often; after `reconnect_timeout` the next request
        # starts it again, so that pages return a few seconds after the database.
        **({"pool": {"min_size": 1, "max_size": 8, "timeout": 10, "reconnect_timeout": 5}} if DATABASE_POOL else {}),
    }
)

# Celery: REDIS_URL, or the embedded Redis below VAR_DIR
REDIS_URL = env.str("REDIS_URL", "")
CELERY_BROKER_URL = REDIS_URL or _embedded.redis_url
# … which also counts requests, for all processes together. Without Redis nothing is counted, and nothing fails.
_cache_url = re.sub(r"^redis\+socket://", "unix://", REDIS_URL or _embedded.redis_url)  # Celery's word for it
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "shop.storage.cache.SharedCache",
        "LOCATION": _cache_url,
        "KEY_PREFIX": "lookalike",
        "OPTIONS": {
            "serializer": "shop.storage.cache.JsonSerializer",
            "socket_connect_timeout": 0.5,
            "socket_timeout": 0.5,
            "health_check_interval": 10,
        },
    }
}
if not _cache_url.startswith(("redis://", "rediss://", "unix://")):
    # Celery also speaks to Sentinel and to other brokers: then each process counts for itself.
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_DEFAULT_QUEUE = "bulk"
CELERY_TASK_ROUTES = {
    "recommendations.tasks.embed_images": {"queue": "interactive"},
    "recommendations.tasks.sweep": {"queue": "interactive"},
    "recommendations.tasks.embed_pending": {"queue": "bulk"},
    # Not "bulk": a message that waits there keeps `nudge_bulk` from sending another.
    "recommendations.tasks.prune_strip_counts": {"queue": "maintenance"},
    "recommendations.tasks.check_recall": {"queue": "maintenance"},
    "catalog.tasks.*": {"queue": "maintenance"},
    "shop.tasks.forget_login_failures": {"queue": "maintenance"},
    "shop.tasks.make_renditions": {"queue": "renditions"},
}
CELERY_WORKER_CONCURRENCY = env.int("WORKER_PROCESSES", 1, validate=validate.Range(min=1))
# A message is taken only when a child is free. Counting unacknowledged ones would break with a lost acknowledgement.
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 0
# A hanging read must not stop the only worker permanently: its child is killed, and the lease returns the work.
CELERY_TASK_TIME_LIMIT = 3600  # an index build may take long
CELERY_TASK_ANNOTATIONS = {
    "recommendations.tasks.embed_images": {"time_limit": 300},
    "recommendations.tasks.sweep": {"time_limit": 300},
}
CELERY_TASK_ACKS_LATE = True
# A task's claims are worth more than its message: a restart of the broker must not cost attempts.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CHANNEL_ERROR_RETRY = True  # a full Redis refuses writes, which must not end the worker
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # unlimited; a worker that gave up would need a manual start
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "queue_order_strategy": "priority",  # a worker empties its queues in the order given
    "socket_connect_timeout": 2,  # the longest an upload waits for a missing broker
    "max_retries": 1,
    "interval_start": 0,
    "socket_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,  # a worker notices a silent broker within twice this
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")

# Embedding
EMBEDDING_WEIGHTS = env.str("EMBEDDING_WEIGHTS", "")
if {".", "/"} & {*EMBEDDING_WEIGHTS}:  # a file, not a name (`ml.weights.resolve`)
    EMBEDDING_WEIGHTS = str(Path(EMBEDDING_WEIGHTS).absolute())
EMBEDDING_POOLING = env.str("EMBEDDING_POOLING", "", validate=validate.OneOf(["", "avg", "max", "gem"]))
EMBEDDING_VIEWS = env.int("EMBEDDING_VIEWS", 1, validate=validate.OneOf([1, 2, 4]))
EMBEDDING_PRECISION = env.str("EMBEDDING_PRECISION", "auto", validate=validate.OneOf(["auto", "float", "int8"]))
EMBEDDING_THREADS = env.int("EMBEDDING_THREADS", 0)  # 0: every core this process may use
EMBEDDING_BATCH_SIZE = env.int("EMBEDDING_BATCH_SIZE", 32)
EMBEDDING_LEASE_SECONDS = env.int("EMBEDDING_LEASE_SECONDS", 120)
EMBEDDING_SWEEP_SECONDS = env.int("EMBEDDING_SWEEP_SECONDS", 60)
EMBEDDING_MAX_ATTEMPTS = env.int("EMBEDDING_MAX_ATTEMPTS", 3)
EMBEDDING_INDEX_MIN_ROWS = env.int("EMBEDDING_INDEX_MIN_ROWS", 1000)
# Nothing expires: a worker whose clock is an hour fast would silently drop every message.
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "recommendations.tasks.sweep", "schedule": EMBEDDING_SWEEP_SECONDS},
    # Daily by the database's record: the scheduler's clock starts over if its file is lost.
    "check-media": {"task": "catalog.tasks.check_media_if_due", "schedule": 3600},
    "index-products": {"task": "catalog.tasks.index_products", "schedule": 60},
    "tidy-search": {"task": "catalog.tasks.tidy_search", "schedule": 3600},
    "make-renditions": {"task": "shop.tasks.make_renditions", "schedule": 30},
    "prune-strip-counts": {"task": "recommendations.tasks.prune_strip_counts", "schedule": 24 * 3600},
    "forget-login-failures": {"task": "shop.tasks.forget_login_failures", "schedule": 24 * 3600},
}

# Watching
RECALL_CHECK_HOURS = env.int("RECALL_CHECK_HOURS", 24, validate=validate.Range(min=0))  # 0: never
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
READY_BACKLOG_SECONDS = env.int("READY_BACKLOG_SECONDS", 0, validate=validate.Range(min=0))  # 0: any age is ready
if RECALL_CHECK_HOURS:
    _recall = {"task": "recommendations.tasks.check_recall", "schedule": RECALL_CHECK_HOURS * 3600}
    CELERY_BEAT_SCHEDULE["check-recall"] = _recall

# Pictures
IMAGE_MAX_BYTES = env.int("IMAGE_MAX_BYTES", 20 * 2**20)
IMAGE_MAX_PIXELS = env.int("IMAGE_MAX_PIXELS", 40_000_000)
# Processes that decode, for each process of the shop: more would hold more memory than a web process should.
IMAGE_DECODERS = env.int("IMAGE_DECODERS", min(4, max(2, len(os.sched_getaffinity(0)))), validate=validate.Range(min=1))
EMBEDDING_DECODE_THREADS = env.int("EMBEDDING_DECODE_THREADS", IMAGE_DECODERS, validate=validate.Range(min=1))
IMAGE_DECODE_SECONDS = env.float("IMAGE_DECODE_SECONDS", 10.0, validate=validate.Range(min=0.1))
IMAGE_DECODE_BYTES = env.int("IMAGE_DECODE_BYTES", 2**30)
# Encoding needs more time and memory than decoding and refuses nothing: a picture it cannot encode stays as it is.
IMAGE_ENCODE_SECONDS = env.float("IMAGE_ENCODE_SECONDS", 10.0, validate=validate.Range(min=0.1))
IMAGE_ENCODE_BYTES = env.int("IMAGE_ENCODE_BYTES", 3 * 2**29)
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", str(VAR_DIR / "media"))).absolute()
MEDIA_URL = "/media/"
MEDIA_QUARANTINE_DAYS = env.int("MEDIA_QUARANTINE_DAYS", 30, validate=validate.Range(min=1, max=36500))
# Or a bucket that several hosts share. Without keys, boto3 uses the machine's own role.
MEDIA_S3_BUCKET = env.str("MEDIA_S3_BUCKET", "")
_bucket = {
    "bucket_name": MEDIA_S3_BUCKET,
    "endpoint_url": env.str("MEDIA_S3_ENDPOINT", "") or None,
    "region_name": env.str("MEDIA_S3_REGION", "") or None,
    "access_key": env.str("AWS_ACCESS_KEY_ID", "") or None,
    "secret_key": env.str("AWS_SECRET_ACCESS_KEY", "") or None,
}
FILE_UPLOAD_PERMISSIONS = 0o644
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
STATIC_URL = "/static/"
PHOTO_SAMPLES = env.str("PHOTO_SAMPLES", "")
STATICFILES_DIRS = [BASE_DIR / "static", *([("samples", PHOTO_SAMPLES)] if PHOTO_SAMPLES else [])]
# With STATIC_ROOT, filled by `collectstatic`: hashed, compressed, cached permanently. Without: from the sources.
_collected = env.str("STATIC_ROOT", "")
STATIC_ROOT = Path(_collected).absolute() if _collected else None
WHITENOISE_USE_FINDERS = not _collected
STORAGES = {
    "default": {"BACKEND": "shop.storage.s3.S3Media", "OPTIONS": _bucket}
    if MEDIA_S3_BUCKET
    else {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if _collected
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# Shop
SHOP_NAME = env.str("SHOP_NAME", "Lookalike")
SHOP_CURRENCY = env.str("SHOP_CURRENCY", "USD")
SHOP_EMAIL = env.str("SHOP_EMAIL", "")
PRODUCTS_PER_PAGE = env.int("PRODUCTS_PER_PAGE", 24)
SIMILAR_PRODUCTS = env.int("SIMILAR_PRODUCTS", 6)
PERSONAL_STRIP = env.bool("PERSONAL_STRIP", True)
STRIP_CLICKS = env.bool("STRIP_CLICKS", True)
STRIP_CLICKS_DAYS = env.int("STRIP_CLICKS_DAYS", 400, validate=validate.Range(min=1))
STRIP_SHOW_SOLD_OUT = env.bool("STRIP_SHOW_SOLD_OUT", False)

# Language and time
LANGUAGE_CODE = env.str("SHOP_LANGUAGE", "en")
TIME_ZONE = env.str("TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = True  # add LocaleMiddleware only with a translation: it makes every page vary by language
USE_THOUSAND_SEPARATOR = True
LOCALE_PATHS = [BASE_DIR / "locale"]

# Accounts
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
# Wrong passwords (shop.admin.logins, on django-axes)
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
LOGIN_FAILURES = env.int("LOGIN_FAILURES", 5, validate=validate.Range(min=1))
LOGIN_FAILURES_PER_ADDRESS = env.int("LOGIN_FAILURES_PER_ADDRESS", 20, validate=validate.Range(min=1))
LOGIN_LOCKOUT_MINUTES = env.int("LOGIN_LOCKOUT_MINUTES", 15, validate=validate.Range(min=1))
AXES_HANDLER = "shop.admin.logins.LoginHandler"
AXES_FAILURE_LIMIT = LOGIN_FAILURES
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address"]
AXES_COOLOFF_TIME = timedelta(minutes=LOGIN_LOCKOUT_MINUTES)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # or an attacker could keep the owner out all day
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "shop.admin.logins.login_address"
AXES_USERNAME_CALLABLE = "shop.admin.logins.login_name"
AXES_LOCKOUT_CALLABLE = "shop.admin.logins.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # the log has it; a table of who logged in when is nothing to keep
AXES_ENABLE_ADMIN = False  # `manage.py axes_list_attempts` and `axes_reset_username` show and unlock
AXES_VERBOSE = False

_RATE = validate.Regexp(r"^([1-9]\d*/(s|sec|second|m|min|minute|h|hour|d|day))?$")  # of one client; empty: no limit

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["catalog.api.permissions.HoldsPermissions"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["catalog.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "shop.requests.openapi.ApiSchema",
    "URL_FORMAT_OVERRIDE": None,  # `?format=` is a parameter like others: of the schema only
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.CursorPagination",
    "DEFAULT_THROTTLE_CLASSES": ["catalog.clients.throttling.ApiThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "page": env.str("PAGE_RATE", "600/min", validate=_RATE) or None,
        "api": env.str("API_RATE", "600/min", validate=_RATE) or None,
        "search": env.str("SEARCH_RATE", "240/min", validate=_RATE) or None,
        "photo_search": env.str("PHOTO_SEARCH_RATE", "60/min", validate=_RATE) or None,
    },
    "EXCEPTION_HANDLER": "shop.requests.errors.api_exception_handler",
    "NUM_PROXIES": env.int("NUM_PROXIES", 0),
    "PAGE_SIZE": 24,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": f"{SHOP_NAME} API",
    "DESCRIPTION": "Products, similar products and search by photo. See docs/api.md.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": False},  # its links are inside buttons
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {"MatchBasisEnum": "recommendations.api.serializers.MATCH_BASES"},
}

# Security
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 3600) if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS_ONLY and env.bool("HSTS_EVERYWHERE", False)
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]
if env.bool("BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# The owner decides about subdomains and the preload list (HSTS_EVERYWHERE).
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# Admin
UNFOLD = theme(SHOP_NAME)

# Logs, all on standard error; celery and gunicorn's own are told to use the same handler.
LOG_FORMAT = env.str("LOG_FORMAT", "line", validate=validate.OneOf(["line", "json"]))
LOGGING = logging_config(LOG_FORMAT, env.str("LOG_LEVEL", "INFO"))
