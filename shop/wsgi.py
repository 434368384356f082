import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
# For the settings of this process only, which are read here: child processes do not serve requests.
_given = os.environ.get("SERVES_REQUESTS")
os.environ.setdefault("SERVES_REQUESTS", "true")
_django = get_wsgi_application()
if _given is None:
    del os.environ["SERVES_REQUESTS"]

from shop.requests.incoming import ReadableRequests  # noqa: E402  (needs the settings)

application = ReadableRequests(_django)
