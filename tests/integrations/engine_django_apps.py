"""What servers serve of the project in `engine_django`."""

import os

from django.core.asgi import get_asgi_application as get_plain_application
from django.core.wsgi import get_wsgi_application

from resilience_django.asgi import get_asgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.integrations.engine_django"

wsgi = get_wsgi_application()
asgi = get_asgi_application()
bare = get_plain_application()
