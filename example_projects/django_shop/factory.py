"""Makes the app that a server serves."""

import atexit
import logging
import os
from contextlib import ExitStack

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application

from resilience import system
from resilience.testing import inactive

log = logging.getLogger("django_shop")

baseline = ExitStack()
"""What switches the guards on again, if `SHOP_BASELINE` switched them off."""


def create_app() -> WSGIHandler:
    """Return the shop, by the settings of `DJANGO_SETTINGS_MODULE`; those of the shop by default.

    Raises:
        ShopConfigurationError: the environment lacks something, or it is wrong.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_shop.settings")
    app = get_wsgi_application()
    told = settings.SHOP
    if told.target is not None:
        system.dim("recommendations", told.target)
    if told.baseline:
        log.warning("SHOP_BASELINE=1: circuits and fallbacks are off in this process")
        baseline.enter_context(inactive())
        atexit.register(baseline.close)
    return app
