"""Settings by name for retries, timeouts and bulkheads: over decorators, in place, explained."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from resilience import (
    BulkheadFullError,
    ConfigurationError,
    ConfigurationWarning,
    DeadlineExceededError,
    Retry,
    Settings,
    System,
    UnknownSettingError,
    bulkhead_of,
    explain,
)
from resilience.limits.settings import LimitsSettings
from resilience.testing import ManualClock

DOWN = ConnectionError("down")


class Upstream:
    """Something that is down, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def ask(self) -> None:
        """Fail."""
        self.asked += 1
        raise DOWN


@pytest.fixture
def upstream() -> Upstream:
    """Give something that is down."""
    return Upstream()


def attempts_of(guarded: Any, upstream: Upstream) -> int:
    """Return how often a call that fails is made."""
    before = upstream.asked
    with pytest.raises(ConnectionError):
        guarded()
    return upstream.asked - before


# -- retries --------------------------------------------------------------------------------------


def test_retries_are_set_by_their_circuits_name(system: System, upstream: Upstream) -> None:
    """Settings that come before the decorator, and those that come after it."""
    system.configure({"retries": {"payments": {"attempts": 5}}})
    guarded = system.retry(2)(system.circuit("payments", min_calls=99)(upstream.ask))

    assert attempts_of(guarded, upstream) == 5
    system.configure({"retries": {"payments": {"attempts": 1}}})
    assert attempts_of(guarded, upstream) == 1


def test_retries_without_a_circuit_are_set_by_their_functions_name(
    system: System, upstream: Upstream
) -> None:
    """`module.qualname`, which a variable spells with `_`; a name in a dict is taken as it is."""
    name = f"{__name__}.Upstream.ask"
    guarded = system.retry(budget=None)(upstream.ask)
    variable = f"RESILIENCE__RETRIES__{name.replace('.', '_').upper()}__ATTEMPTS"

    system.configure({"retries": {name: {"attempts": 2}}})
    assert attempts_of(guarded, upstream) == 2
    system.configure(Settings.load(environ={variable: "4"}), source="environment")
    assert attempts_of(guarded, upstream) == 4


def test_a_retry_by_name_is_set_as_a_decorator_is(system: System, upstream: Upstream) -> None:
    """`Retry(name=…)`."""
    strategy = Retry(2, name="payments", system=system)

    system.configure({"retries": {"payments": {"attempts": 4}}})

    assert attempts_of(lambda: strategy.call(upstream.ask), upstream) == 4


def test_the_numbers_of_a_retry_changes_in_place(
    system: System, clock: ManualClock, upstream: Upstream
) -> None:
    """Waits, deadline, and what is tried again; and all of it goes back."""
    guarded = system.retry(jitter=None)(system.circuit("it", min_calls=99)(upstream.ask))

    system.configure({"retries": {"it": {"initial_delay": 2, "backoff": "constant"}}})
    assert (attempts_of(guarded, upstream), clock.monotonic()) == (3, 4.0)
    clock.advance(60)
    system.configure({"retries": {"it": {"timeout": timedelta(seconds=3), "initial_delay": 2}}})
    assert attempts_of(guarded, upstream) == 2
    system.configure({"retries": {"it": {"ignore": ConnectionError}}})
    assert attempts_of(guarded, upstream) == 1
    clock.advance(60)
    system.configure({"retries": {}})
    assert attempts_of(guarded, upstream) == 3


def test_results_are_judged_as_soon_as_settings_say_so(system: System) -> None:
    """`on_result`, which no file can give, from a dict."""
    answers = ["bad", "good"]
    guarded: Any = system.retry(system.circuit("judged")(lambda: answers.pop(0)))

    system.configure({"retries": {"judged": {"on_result": lambda result: result == "bad"}}})

    assert guarded() == "good"


def test_items_of_generators_are_not_judged_whoever_says_so(system: System) -> None:
    """As by the decorator."""

    @system.retry
    def items() -> Iterator[int]:
        yield 1

    name = f"{items.__module__}.{items.__qualname__}"
    with pytest.raises(ConfigurationError, match=r"on_result on the generator function .*items"):
        system.configure({"retries": {name: {"on_result": bool}}})


def test_one_attempt_never_gets_more_time_than_all(system: System) -> None:
    """Whichever of the two settings would make it so; both stay as they were."""
    guarded = system.retry(timeout=10)(system.timeout(5)(system.circuit("it")(len)))

    for tree in (
        {"retries": {"it": {"timeout": 4}}},
        {"timeouts": {"it": {"seconds": 11}}},
        {"retries": {"it": {"timeout": 7}}, "timeouts": {"it": {"seconds": 8}}},
    ):
        with pytest.raises(ConfigurationError, match=r"it: @timeout\(\d+\) for one attempt is abo"):
            system.configure(tree)
    assert "seconds = 5.0  (decorator)" in explain(guarded)
    system.configure({"retries": {"it": {"timeout": 4}}, "timeouts": {"it": {"seconds": 3}}})

    assert "seconds = 3.0  (settings)" in explain(guarded)


# -- timeouts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["payments", "charge"])
def test_timeouts_are_set_by_name(system: System, clock: ManualClock, name: str) -> None:
    """By their own, else by their circuit's."""
    own = {"name": "charge"} if name == "charge" else {}
    guarded = system.timeout(1.0, **own)(system.circuit("payments")(clock.advance))

    system.configure({"timeouts": {name: {"seconds": 10}}})
    guarded(9.0)
    system.configure({"timeouts": {name: {"seconds": 8}}})
    with pytest.raises(DeadlineExceededError, match=rf"'{name}' was not done within 8 s"):
        guarded(9.0)


def test_the_threads_of_timed_sync_code_are_a_setting(system: System) -> None:
    """Before and after the first one is needed; without the setting the default holds again."""
    system.configure({"limits": {"workers": 3}})
    assert system.timeouts.workers.most == 3

    system.configure(Settings(limits=LimitsSettings(workers=5)), source="code")
    system.configure({"circuits": {}}, source="something else")
    assert system.timeouts.workers.most == 5

    system.configure({}, source="code")
    system.configure({})
    assert system.timeouts.workers.most == 64


# -- bulkheads ------------------------------------------------------------------------------------


def test_bulkheads_are_set_by_name(system: System) -> None:
    """Before and after they are made; those in use are resized in place."""
    system.configure({"bulkheads": {"before": {"limit": 2}}})
    before = bulkhead_of(system.bulkhead(9, name="before")(len))
    after = bulkhead_of(system.bulkhead(9, name="after")(len))
    assert (before.limit, after.limit) == (2, 9)

    with after, after:
        system.configure({"bulkheads": {"after": {"limit": 2, "max_wait": 0}}})
        assert after.snapshot().in_use == 2
        with pytest.raises(BulkheadFullError):
            after.take()
    assert (before.limit, after.limit) == (9, 2)


def test_a_reload_leaves_what_an_operator_did(system: System) -> None:
    """As long as the bulkhead's own settings stay the same."""
    bulkhead = bulkhead_of(system.bulkhead(9, name="it")(len))
    bulkhead.resize(4)

    system.configure({"bulkheads": {"other": {"limit": 1}}})
    assert bulkhead.limit == 4
    system.configure({"bulkheads": {"it": {"limit": 6}}})
    assert bulkhead.limit == 6


# -- all of them ----------------------------------------------------------------------------------


def test_explain_says_where_each_number_comes_from(system: System) -> None:
    """Default, decorator, settings, environment, operator."""

    @system.retry(attempts=3)
    @system.timeout(2.0)
    @system.bulkhead(max_wait=0.5, name="it")
    @system.circuit("it")
    def call() -> None: ...

    variables = {"RESILIENCE__RETRIES__IT__MAX_DELAY": "9"}
    system.configure(Settings.load(environ=variables), source="environment")
    system.configure({"timeouts": {"it": {"seconds": 1}}, "retries": {"it": {"jitter": 0.5}}})
    bulkhead_of(call).resize(7)

    lines = [line.strip() for line in explain(call).splitlines()]
    for expected in (
        "→ retry 'it'",
        "attempts = 3  (decorator)",
        "max_delay = 9.0  (environment)",
        "jitter = 0.5  (settings)",
        "budget = 0.2  (default)",
        "→ timeout 'it'",
        "seconds = 1.0  (settings)",
        "→ bulkhead 'it'",
        "limit = 7  (operator)",
        "max_wait = 0.5  (decorator)",
    ):
        assert expected in lines


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"retries": {"it": {"atempts": 3}}}, "retry 'it': .*'atempts'; did you mean 'attempts'"),
        ({"retries": {"it": {"attempts": 0}}}, "retry 'it': attempts=0"),
        ({"retries": {"it": {"initial_delay": -1}}}, "retry 'it': initial_delay=-1"),
        ({"retries": {"it": {"initial_delay": 6}}}, "retry 'it': initial_delay=6.0 is above"),
        ({"retries": {"it": {"backoff": "doubling"}}}, "retry 'it': backoff='doubling'"),
        ({"timeouts": {"it": {"second": 3}}}, "timeout 'it': .*'second'; did you mean 'seconds'"),
        ({"timeouts": {"it": {"seconds": 0}}}, "timeout 'it': seconds=0: give a number > 0"),
        ({"timeouts": {"it": 3}}, "timeouts.it=3: give a table"),
        ({"bulkheads": {"it": {"limits": 3}}}, "bulkhead 'it': .*'limits'; did you mean 'limit'"),
        ({"bulkheads": {"it": {"limit": 0}}}, "bulkhead 'it': limit=0"),
        ({"bulkheads": {"": {"limit": 1}}}, "bulkhead name=''"),
        ({"limits": {"workers": 0}}, "limits: workers=0: give a whole number of at least 1"),
        ({"limits": {"threads": 4}}, "limits: unknown setting 'threads'"),
        ({"retrys": {}}, "unknown settings 'retrys'; did you mean 'retries'"),
    ],
)
def test_a_wrong_setting_is_refused_and_nothing_changes(
    system: System, tree: dict[str, Any], words: str
) -> None:
    """By name, with what is allowed; what was right beside it is not put in force either."""
    guarded = system.retry(system.timeout(2)(system.bulkhead(name="it")(system.circuit("it")(len))))
    explained = explain(guarded)

    with pytest.raises(ConfigurationError, match=words):
        system.configure({"circuits": {"it": {"window": 5}}, **tree})

    assert explain(guarded) == explained


def test_an_unknown_setting_is_an_error_of_its_own(system: System) -> None:
    """As an unknown argument of a decorator is."""
    for section in ("retries", "timeouts", "bulkheads"):
        with pytest.raises(UnknownSettingError):
            system.configure({section: {"it": {"nothing": 1}}})


@pytest.mark.parametrize("section", ["retries", "timeouts", "bulkheads"])
def test_settings_for_what_does_not_exist_are_warned_of(system: System, section: str) -> None:
    """Near names at once, others when the app begins to serve: they may be yet to come."""
    guarded = system.retry(
        system.timeout(2)(system.bulkhead(name="payments")(system.circuit("payments")(len)))
    )
    setting = {"retries": "attempts", "timeouts": "seconds", "bulkheads": "limit"}[section]

    with pytest.warns(
        ConfigurationWarning, match="'paymants', which.*did you mean 'payments'"
    ) as at:
        system.configure({section: {"paymants": {setting: 5}, "zzz": {setting: 5}}})
    assert [each.filename for each in at] == [__file__]
    with pytest.warns(ConfigurationWarning) as warned:
        system.start()
    system.stop()

    kind = {"retries": "retry", "timeouts": "timeout", "bulkheads": "bulkhead"}[section]
    assert [str(each.message).split(",")[0] for each in warned] == [
        f"settings for {kind} 'paymants'",
        f"settings for {kind} 'zzz'",
    ]
    assert guarded("retries live as long as their functions")
