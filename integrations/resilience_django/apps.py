"""The app: it puts the project's settings in force, and starts nothing."""

from typing import Any

from django.apps import AppConfig


class ResilienceConfig(AppConfig):
    """Guards, health and features for a Django project."""

    name = "resilience_django"
    label = "resilience"
    verbose_name = "Resilience"
    default_auto_field: Any = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        from resilience_django import checks  # noqa: F401 - importing it registers them
