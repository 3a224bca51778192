"""Who is told when things change, in what order, and how often."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest

from resilience import Event, System, signals
from resilience.health.monitor import Health
from resilience.testing import ManualClock, reset
from tests.health.conftest import Dependency

After = Callable[[int], None]


def told(events: list[Event], component: str) -> list[tuple[str, str]]:
    """Return what was told of one component: (was, is)."""
    return [
        (each.data["was"], each.data["status"])
        for each in events
        if each.type == "health_changed" and each.component == component
    ]


def test_each_change_is_told_once(
    system: System, database: Dependency, after: After, events: list[Event]
) -> None:
    """Of the component and of the whole; results that change nothing are told to nobody."""
    system.health.check("database", database.look, criticality="critical")
    after(22)
    database.answer = ConnectionError("no route")
    after(4)
    database.answer = True
    after(3)

    assert told(events, "database") == [
        ("unknown", "pass"),
        ("pass", "pass"),  # its score fell below the warning threshold ...
        ("pass", "fail"),  # ... and then it was down
        ("fail", "pass"),
    ]
    whole = [each for each in told(events, "system") if each[0] != each[1]]
    assert whole == [("unknown", "pass"), ("pass", "fail"), ("fail", "pass")]


def test_what_is_told(
    system: System, database: Dependency, after: After, events: list[Event]
) -> None:
    """All that people and programs need to act."""
    system.health.check("postgres", database.look, component="database", criticality="high")
    after(20)
    database.answer = ConnectionError("no route")
    after(3)

    event = [each for each in events if each.component == "database"][-1]

    assert event.data == {
        "status": "fail",
        "was": "pass",
        "level": "warning",
        "level_was": "warning",
        "worse": True,
        "criticality": "high",
        "score": pytest.approx(100 * 20 / 23),
        "trend": "stable",
        "flapping": False,
        "output": "postgres: ConnectionError: no route",
    }


def test_a_signal_by_component(system: System, database: Dependency, after: After) -> None:
    """Blinker's sender is the component's name."""
    heard: list[str] = []

    def hear(component: str, event: Event) -> None:
        heard.append(f"{component} {event.data['status']}")

    with signals.health_changed.connected_to(hear, sender="database"):
        system.health.check("database", database.look)
        system.health.check("mailer", lambda: None)
        after(1)

    assert heard == ["database pass"]


def test_silence_is_told(
    system: System, clock: ManualClock, database: Dependency, events: list[Event]
) -> None:
    """By the background, since no result tells it."""
    system.health.check("database", database.look, interval=1)
    system.tick()
    database.answer = KeyboardInterrupt()  # stands for a run that ends without a word
    clock.advance(4)

    system.health._settle()

    assert told(events, "database") == [("unknown", "pass"), ("pass", "unknown")]


def test_since_when(system: System, clock: ManualClock, database: Dependency, after: After) -> None:
    """The wall-clock time of the last change of status."""
    system.health.check("database", database.look)
    after(5)
    database.answer = False
    after(3)
    fallen = clock.time()
    after(5)

    assert system.health.report().components["database"].since == fallen


def test_circuits_are_told_of(system: System, clock: ManualClock, events: list[Event]) -> None:
    """As a whole, within a second."""
    circuit = system.circuits.get("payments")
    _ = system.health
    system.tick()
    circuit.force_open()
    clock.advance(1)
    system.tick()

    assert told(events, "circuits") == [("unknown", "pass"), ("pass", "warn")]
    assert system.health.report().components["circuits"].level == "warning"


def test_the_whole_names_what_is_not_well(
    system: System, database: Dependency, events: list[Event]
) -> None:
    """Not what nobody has looked at yet."""
    system.health.check("database", database.look)
    system.tick()
    system.health.check("mailer", lambda: None)
    system.circuits.get("payments").force_open()

    system.health._settle()

    [event] = [each for each in events if each.data.get("output") and each.component == "system"]
    assert event.data["output"] == "not well: circuits"


def test_alerts_come_when_it_gets_worse(system: System, database: Dependency, after: After) -> None:
    """Not when it gets better."""
    alerts: list[str] = []

    @system.health.alert
    def page(event: Event) -> None:
        alerts.append(f"{event.component}: {event.data['was']} -> {event.data['status']}")

    system.health.check("database", database.look)
    after(2)
    assert alerts == []
    database.answer = False
    after(3)
    assert alerts == ["database: pass -> fail"]
    database.answer = True
    after(4)
    assert alerts == ["database: pass -> fail", "system: pass -> warn"]


def test_alerts_are_not_repeated(system: System, database: Dependency, after: After) -> None:
    """Within five minutes, unless it gets worse still; those held back are counted."""
    alerts: list[Event] = []
    system.configure({"health": {"flap_share": 1.0}})
    system.health.alert(alerts.append)
    system.health.check("database", database.look)
    after(1)

    def outage() -> None:
        database.answer = False
        after(3)
        database.answer = True
        after(2)

    for _ in range(3):
        outage()
    [first] = [each for each in alerts if each.component == "database"]
    assert first.data["held_back"] == 0

    after(60)
    outage()
    second = [each for each in alerts if each.component == "database"][1]
    assert second.data["held_back"] >= 2


def test_forgetting_is_nothing_to_be_alerted_about(
    system: System, database: Dependency, after: After, events: list[Event]
) -> None:
    """Nobody knows then, and that is what was asked for."""
    alerts: list[Event] = []
    system.health.alert(alerts.append)
    system.health.check("database", database.look)
    after(2)
    told_before = len(events)

    system.health.clear_history("database")
    system.health._settle()

    assert len(events) == told_before
    assert alerts == []


def test_reset_forgets_alerts_as_well(system: System, database: Dependency, after: After) -> None:
    """So that one test's outage does not silence another's."""
    alerts: list[Event] = []
    system.health.alert(alerts.append)
    system.health.alert(alerts.append)  # once is enough
    system.health.check("database", database.look)
    for _ in range(2):
        database.answer = False
        after(1)
        reset(system)

    assert [each.component for each in alerts if each.component == "database"] == ["database"] * 2
    assert system.health.history("database") == []
    assert len(system.health.checks) == 1


def test_alerts_can_be_off(system: System, database: Dependency, after: After) -> None:
    """By a setting; the signal goes on."""
    alerts: list[Event] = []
    system.health.alert(alerts.append)
    system.configure({"health": {"alert_on_degradation": False}})
    system.health.check("database", database.look)
    after(1)
    database.answer = False
    after(3)

    assert alerts == []


def test_the_log_is_told_unless_it_is_not_to_be(
    system: System, database: Dependency, after: After, caplog: pytest.LogCaptureFixture
) -> None:
    """By default, with what failed and why; credentials in addresses stay here."""
    system.health.check("postgres", database.look, component="database", criticality="critical")
    after(1)
    database.answer = ConnectionError("no route to postgres://admin:hunter2@db/shop")

    after(3)

    [logged] = [each for each in caplog.records if each.message.startswith("database")]
    assert logged.levelname == "ERROR"
    assert logged.message == (
        "database is fail (it was pass, its level is fatal, its score 25); "
        "postgres: ConnectionError: no route to postgres://…@db/shop"
    )

    caplog.clear()
    system.configure({"health": {"alert_channels": []}})
    system.health.clear_history("database")
    after(1)
    database.answer = False
    after(3)
    assert [each for each in caplog.records if each.message.startswith("database")] == []


def test_other_channels_are_told_in_the_background(
    system: System, database: Dependency, after: After
) -> None:
    """By Apprise: a real message to a real server."""
    received: list[bytes] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"json://127.0.0.1:{server.server_port}/hook"
    system.configure({"health": {"alert_channels": [url]}})
    system.health.check("database", database.look)
    database.answer = False

    after(1)
    server.shutdown()
    server.server_close()
    thread.join()

    message = json.loads(received[0])
    assert message["title"] == "database: fail"
    assert message["message"].startswith("database is fail (it was unknown")


def test_async_handlers_and_those_that_fail(
    system: System, database: Dependency, after: After, caplog: pytest.LogCaptureFixture
) -> None:
    """The one is awaited, the other logged; neither disturbs the rest."""
    alerts: list[str] = []

    @system.health.alert
    def broken(event: Event) -> None:
        raise RuntimeError("pager is down")

    @system.health.alert
    async def later(event: Event) -> None:
        alerts.append(event.component)

    system.health.check("database", database.look)
    database.answer = False
    after(1)

    assert "database" in alerts
    assert "pager is down" in caplog.text
    assert system.health.report().components["database"].status == "fail"


def test_changes_are_told_in_their_order() -> None:
    """Whatever number of threads finds them."""
    system = System(clock=ManualClock())
    dependency, seen = Dependency(), []
    system.configure({"health": {"rise": 1, "fall": 1, "flap_share": 1.0}})
    system.health.check("database", dependency.look)
    system.on_event(lambda event: seen.append((event.data["was"], event.data["status"])))

    def shake() -> None:
        for number in range(200):
            dependency.answer = bool(number % 2)
            system.health.verify("database")

    threads = [threading.Thread(target=shake) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    moves = [each for each in seen if each[0] != each[1]]
    assert len(moves) > 10
    assert all(before[1] == after[0] for before, after in pairwise(moves))


def test_a_receiver_may_ask_how_things_are(system: System, database: Dependency) -> None:
    """No lock is held while it is told."""
    reports = []
    system.on_event(lambda event: reports.append(system.health.report().status))
    system.health.check("database", database.look)

    worker = threading.Thread(target=system.tick)
    worker.start()
    worker.join(20)

    assert not worker.is_alive()
    assert reports


def test_health_is_not_made_before_it_is_asked_for() -> None:
    """An app without checks pays for none; settings alone do not begin anything."""
    system = System(clock=ManualClock())
    system.tick()
    assert "health" not in vars(system)
    assert isinstance(system.health, Health)
