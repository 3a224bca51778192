"""The journal in a Django project's own database."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integrations.django_project import set_up

set_up()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections, router  # noqa: E402
from django.test import Client, override_settings  # noqa: E402

from resilience import ConfigurationError, System  # noqa: E402
from resilience.storage.tables import TABLES  # noqa: E402
from resilience.testing import ManualClock  # noqa: E402
from resilience.testing.contracts.stores import StoreContract, happened  # noqa: E402
from resilience_django import state  # noqa: E402
from resilience_django.journal import DjangoStore  # noqa: E402
from resilience_django.tables import MODELS  # noqa: E402

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]


@pytest.fixture
def database(django_db_blocker: Any) -> Iterator[None]:
    """Give the project's database, in memory, with all tables and nothing in them."""
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        yield
        for model in MODELS.values():
            model._default_manager.all().delete()


class TestDjango(StoreContract):
    """The ORM on the project's database."""

    @pytest.fixture
    def store(self, database: None) -> DjangoStore:
        """Give a store."""
        made = DjangoStore()
        made.open()
        return made


@pytest.fixture
def system(database: None, clock: ManualClock) -> Iterator[System]:
    """Give the system of a project that has the journal on."""
    made = System(clock=clock)
    with override_settings(RESILIENCE={"system": made, "journal": {"enabled": True}}):
        state.current()
        yield made
        made.configure({"journal": {"enabled": False}}, source="django settings")


def test_enabled_alone_means_the_projects_database(system: System) -> None:
    """What happens is found there, by its models."""
    system.circuits.get("payments").force_open("maintenance", "ada")
    system.journal.drain()

    [row] = MODELS["circuit_breaker_state_history"]._default_manager.all()
    assert (row.component, row.state, row.actor) == ("payments", "forced_open", "ada")
    assert system.journal.status().address == "django://"
    assert str(row) == "payments circuit_forced"


def test_orders_come_back_from_it(system: System, clock: ManualClock) -> None:
    """As from any other store."""
    system.circuits.get("payments").force_open("maintenance")
    system.journal.drain()
    other = System(clock=clock)
    other.journal.add_scheme("django", DjangoStore)
    other.configure({"journal": {"url": "django://"}})
    other.tick()

    assert str(other.circuits.get("payments").state) == "forced_open"
    other.configure({"journal": {"enabled": False}})


def test_no_migration_is_missing() -> None:
    """`makemigrations --check` finds the models as the migrations leave them."""
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_tables_that_are_missing_are_said_by_name(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what makes them."""
    monkeypatch.setattr(connection.introspection, "table_names", lambda cursor: ["auth_user"])

    with pytest.raises(ConfigurationError, match=r"no table resilience_.*migrate resilience"):
        DjangoStore().open()


def test_another_url_is_refused() -> None:
    """The router chooses."""
    with pytest.raises(ConfigurationError, match="give 'django://'"):
        DjangoStore("django://other")


def test_a_router_chooses_the_database(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For writing and for reading."""
    asked: list[str] = []

    class Router:
        def db_for_write(self, model: Any, **_: Any) -> str:
            asked.append(f"write {model.__name__}")
            return "default"

        def db_for_read(self, model: Any, **_: Any) -> str:
            asked.append(f"read {model.__name__}")
            return "default"

    monkeypatch.setattr(router, "routers", [Router()])
    store = DjangoStore()

    store.write([happened(1.0)])
    assert len(store.read("circuit_breaker_state_history")) == 1

    assert {"write CircuitBreakerStateHistory", "read CircuitBreakerStateHistory"} <= set(asked)


@pytest.fixture
def staff(database: None) -> Iterator[Client]:
    """Give a client of a project with the admin, signed in as a superuser."""
    user = User.objects.create_superuser("ada", password="x")
    urls = "tests.integrations.django_admin_urls"
    with override_settings(MIDDLEWARE=MIDDLEWARE, ROOT_URLCONF=urls):
        client = Client()
        client.login(username="ada", password="x")
        yield client
    user.delete()


@pytest.mark.parametrize("table", sorted(TABLES))
def test_the_admin_shows_every_table(staff: Client, table: str) -> None:
    """A list, with filters and search."""
    name = MODELS[table]._meta.model_name

    answer = staff.get(f"/admin/resilience/{name}/?q=pay")

    assert answer.status_code == 200


def test_the_admin_changes_nothing(staff: Client) -> None:
    """Not even for a superuser; a row is shown, with its time."""
    DjangoStore().write([happened(1_750_000_000.0, reason="leak"), happened(1.0, "search")])
    rows = MODELS["circuit_breaker_state_history"]._default_manager
    row = rows.get(component="payments")
    at = "/admin/resilience/circuitbreakerstatehistory/"

    listed = staff.get(f"{at}?q=leak").content.decode()
    assert "2025-06-15 15:06:40" in listed
    assert "search" not in listed.partition("<tbody>")[2].partition("</tbody>")[0]
    assert staff.get(f"{at}{row.pk}/change/").status_code == 200
    assert staff.get(f"{at}add/").status_code == 403
    assert staff.post(f"{at}{row.pk}/change/", {"reason": "x"}).status_code == 403
    assert staff.post(f"{at}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert rows.count() == 2


def test_it_leaves_a_request_its_connection(database: None) -> None:
    """What a request reads from the journal is not its last query."""
    DjangoStore().read("circuit_breakers")

    assert connection.connection is not None
    assert connections["default"].is_usable()
