"""What Django's admin and its permissions know of us; nothing here has a table."""

from django.db import models


class Dashboard(models.Model):
    """The live view, as something to have permissions on and to write actions down for.

    One of them is what an action was about: a circuit, a feature, or the level of service.
    """

    name = models.CharField(max_length=200, primary_key=True)

    class Meta:
        """Not a table: permissions and names."""

        managed = False
        default_permissions = ("view",)
        permissions = (("operate_dashboard", "Can operate circuits, features and the level"),)
        verbose_name = "live view"
        verbose_name_plural = "live view"

    def __str__(self) -> str:
        return str(self.name)
