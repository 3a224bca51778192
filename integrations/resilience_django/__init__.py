"""Django: the app `resilience_django`, its middleware, and `include("resilience_django.urls")`."""
