"""The shop's settings plus faults inside its processes; see `tests.faults.inside`."""

import os

from shop.settings import *  # noqa: F403
from shop.settings import CELERY_BROKER_TRANSPORT_OPTIONS, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.inside.apps.FaultsConfig"]

if "FAULT_VISIBILITY_TIMEOUT" in os.environ:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        **CELERY_BROKER_TRANSPORT_OPTIONS,
        "visibility_timeout": int(os.environ["FAULT_VISIBILITY_TIMEOUT"]),
    }
