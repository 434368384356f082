import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
os.environ.setdefault("SERVES_REQUESTS", "true")  # before the settings are read: statements have a limit here
application = get_wsgi_application()
