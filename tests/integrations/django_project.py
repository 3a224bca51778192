"""One Django project for all tests of this process: Django has one set of settings."""

import atexit
import shutil
import tempfile
from pathlib import Path

import django
from django.conf import settings


def set_up() -> None:
    """Configure Django, once."""
    if settings.configured:
        return
    folder = tempfile.mkdtemp()  # a file, which threads of a server can share
    atexit.register(shutil.rmtree, folder)
    settings.configure(
        ALLOWED_HOSTS=["testserver", "localhost", "127.0.0.1"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": Path(folder) / "tests.sqlite3",
                "OPTIONS": {"timeout": 30},
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
            "rest_framework",
            "resilience_django",
        ],
        LOGGING_CONFIG=None,
        MIDDLEWARE=["resilience_django.middleware.ResilienceMiddleware"],
        ROOT_URLCONF="tests.integrations.django_urls",
        SECRET_KEY="for tests",
        STATIC_URL="/static/",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        USE_TZ=True,
    )
    django.setup()
