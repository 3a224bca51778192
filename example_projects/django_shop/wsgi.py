"""What a WSGI server serves: `gunicorn django_shop.wsgi`."""

from django_shop.factory import create_app

application = create_app()
