"""`system.configure`: settings over decorators, reloaded all or nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from resilience import Circuit, ConfigurationError, ConfigurationWarning, System


def fail(circuit: Circuit, times: int) -> None:
    """Make calls that fail."""
    for _ in range(times):
        with pytest.raises(ZeroDivisionError):
            circuit.call(divmod, 1, 0)


def test_settings_are_over_decorators(system: System) -> None:
    """Those given before the decorator, and those given after."""
    system.configure({"circuits": {"before": {"reset_timeout": timedelta(minutes=1)}}})
    for name in ("before", "after"):
        system.circuit(name, reset_timeout=5, window=6)(len)
    system.configure({"circuits": {"after": {"reset_timeout": 60}}}, source="later")

    for circuit in system.circuits:
        assert (circuit.settings.reset_timeout, circuit.settings.window) == (60.0, 6.0)


def test_settings_that_go_away_leave_what_the_decorator_said(system: System) -> None:
    """The same source gives the whole of its settings each time."""
    circuit = system.circuits.get("it", reset_timeout=5)

    system.configure({"circuits": {"it": {"reset_timeout": 60}}})
    system.configure({"circuits": {}})

    assert circuit.settings.reset_timeout == 5.0


def test_sources_stand_beside_each_other(system: System) -> None:
    """A later one wins where both speak, and takes nothing else away."""
    circuit = system.circuits.get("it")
    system.configure({"circuits": {"it": {"reset_timeout": 60, "window": 6}}}, source="one")
    system.configure({"circuits": {"it": {"reset_timeout": 70}}}, source="two")

    assert (circuit.settings.reset_timeout, circuit.settings.window) == (70.0, 6.0)


@pytest.mark.parametrize(
    ("tree", "part", "setting"),
    [
        ({"chaos": {"enabled": True}}, "chaos", "enabled"),
        ({"healer": {"auto_recover": False}}, "healer", "auto_recover"),
    ],
)
def test_a_later_source_wins_with_a_default_too(
    system: System, tree: dict[str, Any], part: str, setting: str
) -> None:
    """What was switched over somewhere can be switched back elsewhere, by saying so."""
    (_, options), *_ = tree.items()
    system.configure(tree, source="file")
    back = {name: not value for name, value in options.items()}

    system.configure({part: {}}, source="app")
    assert getattr(getattr(system, part).settings, setting) is options[setting]
    system.configure({part: back}, source="app")
    assert getattr(getattr(system, part).settings, setting) is back[setting]


def test_sources_that_speak_at_once_are_all_heard(system: System) -> None:
    """As apps do that are imported in threads, and a reload beside them."""
    threads = 6
    start = Barrier(threads)

    def speak(number: int) -> None:
        start.wait()
        for value in range(1, 30):
            options = {"reset_timeout": value}
            tree = {"circuits": {f"circuit {number}": options, "shared": options}}
            system.configure(tree, source=f"source {number}")

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(speak, range(threads)))

    for number in range(threads):
        assert system.circuits.get(f"circuit {number}").settings.reset_timeout == 29.0


def test_a_reload_is_all_or_nothing(system: System) -> None:
    """One mistake, and everything stays as it was: settings, counts, and what is kept for later."""
    one, two = system.circuits.get("one"), system.circuits.get("two", half_open_calls=5)
    system.configure({"circuits": {"one": {"reset_timeout": 7}, "later": {"window": 6}}})
    settings = system.settings
    fail(one, 2)

    for wrong in ({"window": -1}, {"half_open_calls": 1}, {"windoww": 5}):
        tree = {"circuits": {"one": {"reset_timeout": 8}, "later": {"window": 9}, "two": wrong}}
        with pytest.raises(ConfigurationError, match="circuit 'two'"):
            system.configure(tree)

    assert system.settings is settings
    assert (one.settings.reset_timeout, two.settings.window) == (7.0, 60.0)
    assert system.circuits.get("later").settings.window == 6.0
    assert one.snapshot().failures == 2


@pytest.mark.parametrize(
    ("changed", "failures"),
    [({"reset_timeout": 7}, 3), ({"window": 60}, 3), ({"window": 30}, 0), ({"window_calls": 9}, 0)],
)
def test_a_reload_keeps_counts_unless_the_window_differs(
    system: System, changed: dict[str, Any], failures: int
) -> None:
    """What was counted over another window says nothing about this one."""
    circuit = system.circuits.get("it")
    fail(circuit, 3)

    system.configure({"circuits": {"it": changed}})

    assert circuit.snapshot().failures == failures


def test_a_reload_keeps_an_open_circuit_open(system: System) -> None:
    """Until the time that it was opened for."""
    circuit = system.circuits.get("it")
    fail(circuit, 5)
    before = circuit.snapshot()

    system.configure({"circuits": {"it": {"window": 5, "failure_threshold": 4}}})

    assert circuit.snapshot() == before


def test_settings_for_a_circuit_that_does_not_exist_are_warned_of(system: System) -> None:
    """Near names at once, others when the app begins to serve: they may be yet to come."""
    system.circuits.get("payments")

    with pytest.warns(ConfigurationWarning, match="'paymants', which.*did you mean 'payments'"):
        system.configure({"circuits": {"paymants": {"window": 5}, "zzz": {"window": 5}}})
    with pytest.warns(ConfigurationWarning) as warned:
        system.start()

    assert [str(each.message).split(",")[0] for each in warned] == [
        "settings for circuit 'paymants'",
        "settings for circuit 'zzz'",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"clock": 3}, r"clock=3: give an object with monotonic and time, such as .*ManualClock"),
        ({"random": 42}, r"random=42: give an object with random and uniform, .*Random\(42\)"),
    ],
)
def test_a_system_refuses_a_clock_or_chance_that_is_none(given: dict[str, Any], said: str) -> None:
    """At once, not when the first circuit opens."""
    with pytest.raises(ConfigurationError, match=said):
        System(**given)
