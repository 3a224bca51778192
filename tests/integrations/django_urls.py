"""URLs of a project that has nothing but ours."""

from django.urls import include, path

urlpatterns = [path("", include("resilience_django.urls"))]
