import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
os.environ.setdefault("SERVES_REQUESTS", "true")  # before the settings are read: statements have a limit here
application = get_asgi_application()
