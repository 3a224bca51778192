"""Whom an escalation tells, how often, and that it hurts nobody."""

import asyncio
import inspect
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from resilience import CircuitOpenError, ConfigurationError, Event, System
from resilience.strategies.escalation import Escalation
from resilience.testing import ManualClock
from tests.strategies.conftest import DownError, down, run

Call = Callable[..., Any]


class Told:
    """A handler that keeps what it was told."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.contexts: list[dict[str, Any]] = []

    def __call__(self, text: str, context: dict[str, Any]) -> None:
        """Hear of something."""
        self.texts.append(text)
        self.contexts.append(context)


@pytest.fixture
def told() -> Told:
    """Give a handler."""
    return Told()


@pytest.fixture
def escalation(system: System, told: Told) -> Escalation:
    """Give an escalation to that handler."""
    made = Escalation("high", ["slack"], name="payments", system=system)
    made.handler("slack")(told)
    return made


def test_a_failed_call_is_told_and_goes_on_to_its_caller(
    system: System, escalation: Escalation, told: Told, kind: Call
) -> None:
    """People hear of it; the caller gets its own error."""
    call = kind(down)
    use = escalation.call_async if inspect.iscoroutinefunction(call) else escalation.call
    with pytest.raises(DownError):
        run(use, call)
    system.tick()

    assert told.texts == ["[high] payments: DownError: own"]


def test_a_call_that_works_is_none_of_its_business(
    system: System, escalation: Escalation, told: Told
) -> None:
    """Nothing is told."""
    assert escalation.call(len, "abc") == 3
    system.tick()

    assert told.texts == []


@pytest.mark.parametrize("error", [CircuitOpenError("payments"), KeyboardInterrupt()])
def test_rejections_and_interruptions_are_not_told(
    system: System, escalation: Escalation, told: Told, error: BaseException
) -> None:
    """The failure that opened the circuit was told already."""

    def call() -> None:
        raise error

    with pytest.raises(type(error)):
        escalation.call(call)
    system.tick()

    assert told.texts == []


def test_there_is_one_message_for_an_incident_with_the_count_of_those_held_back(
    system: System, clock: ManualClock, escalation: Escalation, told: Told
) -> None:
    """It lasts until nothing failed for `quiet` seconds; the next message has the count."""
    for _ in range(10):
        escalation.escalate(DownError("own"))
        clock.advance(299)
    system.tick()
    assert len(told.texts) == 1
    assert [each.held_back for each in escalation.incidents()] == [9]

    clock.advance(1)
    assert escalation.incidents() == []
    escalation.escalate(DownError("again"))
    system.tick()

    assert told.texts[1:] == [
        "[high] payments: DownError: again — 9 more since the last message were held back"
    ]
    assert [context["held_back"] for context in told.contexts] == [0, 9]


def test_a_failure_of_a_higher_level_is_told_before_the_end(
    system: System, escalation: Escalation, told: Told
) -> None:
    """Who was told of something low wants to know that it is critical."""
    levels = ["low", "low", "high", "medium", "critical", "critical"]
    assert [escalation.escalate("no answer", level=level) for level in levels] == [
        True, False, True, False, True, False,
    ]  # fmt: skip
    system.tick()

    assert [text.partition("]")[0] for text in told.texts] == ["[low", "[high", "[critical"]


def test_a_claim_that_fails_silences_nobody(system: System, told: Told) -> None:
    """Two messages are better than none."""

    def claim(component: str) -> bool:
        raise OSError

    Escalation(channels=["slack"], handlers={"slack": told}, claim=claim, system=system).escalate(
        "no answer"
    )
    system.tick()

    assert len(told.texts) == 1


def test_each_component_has_its_own_incident(
    system: System, escalation: Escalation, told: Told
) -> None:
    """One that goes on hides no other."""
    assert escalation.escalate("no answer", "database")
    assert escalation.escalate("no answer", "cache")
    assert not escalation.escalate("no answer", "database")
    system.tick()

    assert told.texts == ["[high] database: no answer", "[high] cache: no answer"]


def test_what_is_resolved_is_told_when_it_fails_again(
    system: System, escalation: Escalation, told: Told
) -> None:
    """`resolve` ends the incident; what it held back is in the next message."""
    assert not escalation.resolve()
    escalation.escalate("no answer")
    escalation.escalate("no answer")

    assert escalation.resolve()
    assert not escalation.resolve()
    escalation.escalate("no answer")
    system.tick()

    assert len(told.texts) == 2
    assert "1 more since the last message were held back" in told.texts[1]


def test_the_message_says_that_somebody_has_to_act(system: System, told: Told) -> None:
    """And so does its context."""
    escalation = Escalation(
        "critical", ["pagerduty"], True, handlers={"pagerduty": told}, system=system
    )
    escalation.escalate(DownError(), "database", order=7)
    system.tick()

    assert told.texts == [
        "[critical] database: DownError — somebody has to act: nothing more is done automatically"
    ]
    assert told.contexts == [
        {
            "component": "database",
            "level": "critical",
            "held_back": 0,
            "order": 7,
            "requires_manual_intervention": True,
        }
    ]


def test_one_event_for_each_incident(
    escalation: Escalation, events: list[Event], system: System
) -> None:
    """Dashboards and journals hear of it as well."""
    escalation.escalate(DownError("own"))
    escalation.escalate(DownError("own"))

    (event,) = events
    assert (event.type, event.component) == ("escalated", "payments")
    assert event.data["error"] == "DownError: own"
    assert event.data["channels"] == ("slack",)


def test_a_failing_channel_hurts_neither_the_others_nor_the_caller(
    system: System, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the others are told."""

    def broken(*_: Any) -> None:
        raise OSError("no route to https://me:secret@chat.example")

    escalation = Escalation(
        channels=["email", "slack"], handlers={"email": broken, "slack": told}, system=system
    )
    with pytest.raises(DownError):
        escalation.call(down)
    system.tick()

    assert len(told.texts) == 1
    assert "channel 'email' failed: OSError: no route to https://…@chat.example" in caplog.text


def test_where_no_channel_takes_it_it_goes_to_the_log(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    """A name that nothing serves, and no other channel: the message is not lost."""
    Escalation(channels=["slack"], system=system).escalate("no answer", "database")
    system.tick()

    assert "channel 'slack' has no handler: [critical] database" in caplog.messages
    assert "[critical] database: no answer" in caplog.messages


@pytest.mark.parametrize(("level", "logged"), [("medium", "WARNING"), ("high", "ERROR")])
def test_the_log_is_a_channel(
    system: System, caplog: pytest.LogCaptureFixture, level: str, logged: str
) -> None:
    """The default one."""
    Escalation(level, system=system).escalate("no answer", "database")
    system.tick()

    assert [(record.levelname, record.message) for record in caplog.records] == [
        (logged, f"[{level}] database: no answer")
    ]


def test_an_async_handler_is_awaited(system: System) -> None:
    """In the background, on the app's loop where there is one."""
    told: list[str] = []
    escalation = Escalation(channels=["slack"], system=system)

    @escalation.handler("slack")
    async def tell(text: str, context: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        told.append(text)

    escalation.escalate("no answer", "database")
    system.tick()

    assert told == ["[critical] database: no answer"]


def test_messages_leave_off_the_callers_thread() -> None:
    """On the machine's clock a thread of the engine sends them."""
    sent: list[str] = []
    done = threading.Event()

    def tell(text: str, context: dict[str, Any]) -> None:
        sent.append(threading.current_thread().name)
        done.set()

    escalation = Escalation(channels=["slack"], handlers={"slack": tell}, system=System())
    escalation.escalate("no answer")

    assert done.wait(30)
    assert sent == ["resilience-escalation"]


def test_a_thread_that_comes_too_late_for_a_message_does_nothing(
    system: System, told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two threads saw one message wait: the slower one finds it sent, and does not fail."""
    escalation = Escalation(channels=["slack"], handlers={"slack": told}, system=system)
    lock = escalation._sending

    class Overtaken:
        """A lock that is had only after the other thread has sent everything."""

        def __enter__(self) -> bool:
            return lock.__enter__()

        def __exit__(self, *_: object) -> None:
            lock.release()

        def acquire(self, blocking: bool = True) -> bool:
            monkeypatch.setattr(escalation, "_sending", lock)
            escalation._send()
            monkeypatch.setattr(escalation, "_sending", self)
            return lock.acquire(blocking)

        def release(self) -> None:
            lock.release()

    monkeypatch.setattr(escalation, "_sending", Overtaken())
    escalation.escalate("no answer", "database")
    system.tick()

    assert told.texts == ["[critical] database: no answer"]
    assert caplog.messages == []


def test_what_waits_is_sent_when_the_system_stops(told: Told) -> None:
    """A slow channel does not lose the message that comes after it."""
    system = System()
    go_on = threading.Event()

    def slow(text: str, context: dict[str, Any]) -> None:
        go_on.wait(30)
        told(text, context)

    escalation = Escalation(channels=["slack"], handlers={"slack": slow}, system=system)
    escalation.escalate("no answer", "database")
    escalation.escalate("no answer", "cache")
    threading.Timer(0.05, go_on.set).start()
    system.runtime.engine.stop(timeout=60)  # on a busy machine 5 s may not be enough

    assert len(told.texts) == 2


def test_only_the_process_that_has_the_claim_tells(system: System, told: Told) -> None:
    """So that a fleet of workers sends one message; it is asked in the background."""
    claimed: list[str] = []
    answers = iter([None, "a lease"])

    def claim(component: str) -> str | None:
        claimed.append(component)
        return next(answers)

    escalation = Escalation(
        channels=["slack"], handlers={"slack": told}, claim=claim, system=system
    )
    escalation.escalate("no answer", "database")
    escalation.escalate("no answer", "cache")
    assert claimed == []
    system.tick()

    assert claimed == ["database", "cache"]
    assert told.texts == ["[critical] cache: no answer"]


def test_secrets_and_long_texts_stay_in_the_process(system: System, told: Told) -> None:
    """URLs lose their credentials, and an error's text ends after 500 characters."""
    escalation = Escalation(channels=["slack"], handlers={"slack": told}, system=system)

    escalation.escalate(DownError("postgresql://shop:hunter2@db/shop\n" + "x" * 1000))
    system.tick()

    assert "hunter2" not in told.texts[0]
    assert "postgresql://…@db/shop xxx" in told.texts[0]
    assert len(told.texts[0]) < 550


class _Service(BaseHTTPRequestHandler):
    """What a notification service is to Apprise."""

    def do_POST(self) -> None:
        taken: Any = self.server
        taken.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(taken.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[Any]:
    """Give a service on a free port."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    server.bodies, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_apprise_url_reaches_its_service(
    system: System, service: Any, events: list[Event]
) -> None:
    """Here one that speaks JSON over HTTP; its URL is shown nowhere."""
    url = f"json://user:secret@127.0.0.1:{service.server_port}/alerts"
    escalation = Escalation("critical", [url], system=system)

    escalation.escalate("no answer", "database")
    system.tick()

    (body,) = service.bodies
    assert (body["title"], body["message"], body["type"]) == (
        "[critical] database",
        "[critical] database: no answer",
        "failure",
    )
    assert events[0].data["channels"] == ("json://…",)


def test_a_service_that_refuses_is_logged_without_its_secrets(
    system: System, service: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """And the message goes to the log instead."""
    service.status = 500
    url = f"json://user:secret@127.0.0.1:{service.server_port}/alerts"
    with caplog.at_level(logging.WARNING, logger="resilience"):
        Escalation("critical", [url], system=system).escalate("no answer", "database")
        system.tick()

    ours = [record.message for record in caplog.records if record.name == "resilience"]
    assert ours == [
        "channel 'json://…' failed: RuntimeError: json://… did not take the message",
        "[critical] database: no answer",
    ]


@pytest.mark.parametrize("url", ["slack://", "pigeon://home", "json://"])
def test_an_apprise_url_that_does_not_parse_is_refused_at_once(url: str) -> None:
    """By its scheme; the rest may be secret."""
    scheme = url.partition(":")[0]
    with pytest.raises(ConfigurationError, match=f"channel '{scheme}://…': Apprise cannot make"):
        Escalation(channels=[url])


def test_without_apprise_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where a URL is given."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    Escalation(channels=["log", "slack"])
    with pytest.raises(ConfigurationError, match=r'pip install "resilience-web\[notify\]"'):
        Escalation(channels=["slack://token"])


@pytest.mark.parametrize("error", [None, 503, ConnectionError])
def test_what_cannot_be_told_begins_no_incident(escalation: Escalation, error: Any) -> None:
    """Else the next failure, which can, would be held back."""
    with pytest.raises(ConfigurationError, match="give an exception, or words"):
        escalation.escalate(error)

    assert escalation.incidents() == []
    assert escalation.escalate("is down")


def test_what_cannot_be_is_refused_at_once(escalation: Escalation) -> None:
    """Where it is given, by name."""
    wrong: Any
    for wrong, message in (
        ({"level": "fatal"}, "level='fatal': give one of low, medium, high, critical"),
        ({"channels": ["slakc"]}, "unknown channel 'slakc'; did you mean 'slack'"),
        ({"channels": ["pigeon"]}, "unknown channel 'pigeon'"),
        ({"channels": []}, "give at least one"),
        ({"channels": "log"}, "channels='log': give a list"),
        ({"channels": [3]}, "channel 3: give a text"),
        ({"channels": ["a"], "handlers": {"a": 3}}, "handler 'a'=3: give a function"),
        ({"requires_manual_intervention": "yes"}, "give true or false"),
        ({"quiet": 0}, "quiet=0: give a number > 0"),
        ({"claim": 3}, "claim=3: give a function"),
        ({"claim": asyncio.sleep}, "claim=.*give a plain function"),
        ({"channels": ["a"], "handlers": {"a": len}}, "handler 'a'=.*called with two arguments"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            Escalation(**wrong)
    with pytest.raises(ConfigurationError, match=r"handler for 'slakc'.*did you mean 'slack'"):
        escalation.handler("slakc")
    with pytest.raises(ConfigurationError, match="handler 'slack'=3: give a function"):
        escalation.handler("slack")(3)  # type: ignore[type-var]
    with pytest.raises(ConfigurationError, match="level='fatal'"):
        escalation.escalate("no answer", level="fatal")
