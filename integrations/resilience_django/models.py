"""What Django knows of us: the journal's tables, and the live view, which has none."""

from typing import Any

from django.db import models

from resilience_django.tables import MODELS


class NoTable(models.Manager):
    """Finds nothing, without asking the database: what goes through all models comes to it, too."""

    def get_queryset(self) -> Any:
        """Return no rows."""
        return super().get_queryset().none()


class Dashboard(models.Model):
    """The live view, as something to have permissions on and to write actions down for.

    One of them is what an action was about: a circuit, a feature, or the level of service.
    """

    name = models.CharField(max_length=200, primary_key=True)

    objects = NoTable()

    class Meta:
        """Not a table: permissions and names."""

        managed = False
        base_manager_name = "objects"
        default_permissions = ("view",)
        permissions = (("operate_dashboard", "Can operate circuits, features and the level"),)
        verbose_name = "live view"
        verbose_name_plural = "live view"

    def __str__(self) -> str:
        return str(self.name)


CircuitBreaker = MODELS["circuit_breakers"]
CircuitBreakerStateHistory = MODELS["circuit_breaker_state_history"]
HealthCheck = MODELS["health_checks"]
ComponentHealthSummary = MODELS["component_health_summary"]
RecoveryEvent = MODELS["recovery_events"]
DegradationState = MODELS["degradation_state"]
FeatureFlag = MODELS["feature_flags"]
ChaosExperiment = MODELS["chaos_experiments"]
SystemHealthSnapshot = MODELS["system_health_snapshots"]
