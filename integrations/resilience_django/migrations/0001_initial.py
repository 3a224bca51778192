"""Make the permissions to look at the live view, and to operate what it shows."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Know of the model; it has no table."""

    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            name="Dashboard",
            fields=[
                ("name", models.CharField(max_length=200, primary_key=True, serialize=False)),
            ],
            options={
                "verbose_name": "live view",
                "verbose_name_plural": "live view",
                "permissions": (
                    ("operate_dashboard", "Can operate circuits, features and the level"),
                ),
                "managed": False,
                "base_manager_name": "objects",
                "default_permissions": ("view",),
            },
        ),
    )
