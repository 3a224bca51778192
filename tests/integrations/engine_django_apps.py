"""What servers serve of the project in `engine_django`."""

import os

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.integrations.engine_django"

wsgi = get_wsgi_application()
asgi = get_asgi_application()
