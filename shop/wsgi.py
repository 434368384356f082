import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
os.environ.setdefault("SERVES_REQUESTS", "true")  # before the settings are read: statements have a limit here
_django = get_wsgi_application()

from shop.incoming import ReadableRequests  # noqa: E402  (its settings are there only now)

application = ReadableRequests(_django)
