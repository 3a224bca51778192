"""The project's settings; what the shop itself is told comes from the environment.

Raises:
    ShopConfigurationError: `UPSTREAM_URL` or another of them is missing or wrong.
"""

import os
import secrets
from typing import Any

from storefront import TEMPLATES as PAGES
from storefront.configuration import Configuration

SHOP = Configuration.of()


def authorize(asked: Any) -> str | None:
    """Return who may see details and operate: the holder of the token."""
    return SHOP.holder(asked.headers.get("Authorization", ""))


RESILIENCE = {"authorize": authorize}

# Nothing is signed that has to outlive the process.
SECRET_KEY = os.environ.get("SHOP_SECRET_KEY") or secrets.token_hex(32)
ALLOWED_HOSTS = os.environ.get("SHOP_HOSTS", "localhost 127.0.0.1 [::1]").split()
INSTALLED_APPS = ["resilience_django"]
MIDDLEWARE = [
    "resilience_django.middleware.ResilienceMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django_shop.freshness.FreshnessMiddleware",
    "django_shop.problems.ErrorMiddleware",
    # No CSRF tokens: nobody is logged in, so nobody has anything to be robbed of.
]
ROOT_URLCONF = "django_shop.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.jinja2.Jinja2", "DIRS": [PAGES]}]
USE_TZ = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
