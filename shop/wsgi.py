import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
_django = get_wsgi_application()

from shop.incoming import ReadableRequests  # noqa: E402  (its settings are there only now)

application = ReadableRequests(_django)
