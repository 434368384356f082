import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
# For the settings of this process only, which are read here: child processes do not serve requests.
_given = os.environ.get("SERVES_REQUESTS")
os.environ.setdefault("SERVES_REQUESTS", "true")
application = get_asgi_application()
if _given is None:
    del os.environ["SERVES_REQUESTS"]
