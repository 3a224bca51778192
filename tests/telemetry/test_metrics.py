"""What a system tells in numbers."""

import pytest

from resilience import CircuitOpenError, Feature, System
from resilience.metrics import ALL, MOST, OTHERS
from resilience.telemetry.metric import Distribution
from resilience.testing import ManualClock
from resilience.testing.fleets import FakeFleet

Told = dict[tuple[str, ...], object]


def told(system: System) -> Told:
    """Return `{(name, label, ...): value}`."""
    return {(each.metric.name, *each.labels): each.value for each in system.metrics.collect()}


def fail(*_: object) -> None:
    """Fail."""
    raise OSError("no bank")


def test_a_system_that_is_not_used_has_nothing_to_tell(system: System) -> None:
    """And nothing is made for it."""
    assert told(system) == {}
    assert {"circuits", "health", "journal", "fleet", "chaos"}.isdisjoint(vars(system))


def test_each_part_tells_what_it_is_at(system: System, clock: ManualClock) -> None:
    """By the names that Prometheus has for it, in base units."""
    system.metrics  # noqa: B018 - events are counted from here
    circuit = system.circuits.get(
        "payments", failure_threshold=2, slow_call_duration=1.0, slow_call_rate=1.0
    )
    circuit.call(clock.advance, 2.0)
    for _ in range(2):
        with pytest.raises(OSError, match="no bank"):
            circuit.call(fail)
    with pytest.raises(CircuitOpenError):
        circuit.call(int)
    with system.bulkheads.get("bank", limit=3):
        during = told(system)
    system.health.check("db", lambda: False, component="database")
    system.degradation.add(Feature("search", capability={"reduced": 40}))
    system.degradation.degrade("reduced", "a test")
    system.configure({"chaos": {"enabled": True}, "journal": {"url": "sqlite://"}})
    system.tick()

    now = told(system)

    assert now["resilience_circuit_calls", "payments", "success"] == 1
    assert now["resilience_circuit_calls", "payments", "failure"] == 2
    assert now["resilience_circuit_slow_calls", "payments"] == 1
    assert now["resilience_circuit_rejected_calls", "payments"] == 1
    assert now["resilience_circuit_state", "payments", "open"] == 1
    assert now["resilience_circuit_state", "payments", "closed"] == 0
    assert during["resilience_bulkhead_places", "bank"] == 3
    assert during["resilience_bulkhead_places_taken", "bank"] == 1
    assert now["resilience_bulkhead_places_taken", "bank"] == 0
    assert now["resilience_component_status", "database", "fail"] == 1
    assert now["resilience_component_score", "database"] == 0.0
    assert now["resilience_degradation_level",] == 1
    assert now["resilience_feature_capability_ratio", "search"] == 0.4
    assert now["resilience_events", "circuit_opened", "payments"] == 1
    assert now["resilience_chaos_experiments",] == 0
    assert now["resilience_journal_dropped_rows",] == 0
    assert {name for name, *_ in now} <= {each.name for each in ALL}


def test_counters_never_go_back(system: System, clock: ManualClock) -> None:
    """Whatever is reset, slides out of a window, or is forgotten with its key."""

    @system.circuit("tenants", key=lambda tenant: tenant, max_keys=2, window=1.0)
    def serve(tenant: str) -> None: ...

    def served() -> object:
        assert told(system)["resilience_circuit_state", "tenants", "closed"] == 2
        return told(system)["resilience_circuit_calls", "tenants", "success"]

    for tenant in "ab":
        serve(tenant)
    assert served() == 2
    clock.advance(600)
    for tenant in "cd":  # in place of the first two
        serve(tenant)
    assert served() == 4
    serve("a")  # anew, in place of "c"
    assert served() == 5
    for circuit in system.circuits:
        circuit.reset()
    assert served() == 5
    assert "a" not in {label for key in told(system) for label in key}


def test_calls_of_keys_that_were_forgotten_stay_counted(system: System, clock: ManualClock) -> None:
    """Also of those that came and went between two scrapes, or came again without failures."""
    answers = iter([OSError("no bank")] * 3)

    @system.circuit("tenants", key=lambda tenant: tenant, max_keys=1, window=1.0)
    def serve(tenant: str) -> None:
        for error in answers:
            raise error

    def counts() -> list[object]:
        now = told(system)
        return [now["resilience_circuit_calls", "tenants", each] for each in ("success", "failure")]

    for _ in range(3):
        with pytest.raises(OSError, match="no bank"):
            serve("a")
    assert counts() == [0, 3]
    clock.advance(600)
    for tenant in "bcdaaaa":
        serve(tenant)
    assert counts() == [7, 3]
    system.circuits.reset()
    assert counts() == [7, 3]


def test_events_of_circuits_made_by_key_are_told_under_their_one_name(system: System) -> None:
    """Tenants are many, and nobody's business."""
    system.metrics  # noqa: B018 - events are counted from here
    guarded = system.circuit("tenants", key=lambda tenant: tenant, failure_threshold=1)(fail)
    for tenant in ("ada", "bob"):
        with pytest.raises(OSError, match="no bank"):
            guarded(tenant)

    assert told(system)["resilience_events", "circuit_opened", "tenants"] == 2
    assert {each.name for each in system.circuits} == {"tenants[ada]", "tenants[bob]"}


def test_there_are_only_so_many_components_of_a_type(system: System) -> None:
    """Names may come from outside; the others are told together."""
    system.metrics  # noqa: B018 - events are counted from here
    for number in range(MOST + 7):
        system.healer.failed(f"component {number}", "it", OSError("no"), "low")

    counts = [key for key in told(system) if key[:2] == ("resilience_events", "failure_detected")]
    assert len(counts) == MOST + 1
    assert told(system)["resilience_events", "failure_detected", OTHERS] == 7


def test_requests_are_told_by_route_for_good(system: System, clock: ManualClock) -> None:
    """Not of the last half a minute alone, as rules want them."""
    for seconds in (0.01, 0.2, 0.2):
        system.traffic.record("/orders/<id>", seconds, failed=seconds == 0.01)
    clock.advance(3600)
    system.traffic.record("/orders/<id>", 3.0, failed=False)

    now = told(system)

    durations = now["resilience_request_duration_seconds", "/orders/<id>"]
    assert isinstance(durations, Distribution)
    assert durations.seconds == pytest.approx(3.41)
    assert [count for _, count in durations.bins] == [1, 2, 1]
    assert [middle for middle, _ in durations.bins] == pytest.approx([0.01, 0.2, 3.0], rel=0.045)
    assert now["resilience_request_failures", "/orders/<id>"] == 1


def test_a_fleet_is_told_of_where_there_is_one(system: System, clock: ManualClock) -> None:
    """How many workers, and whether its store answers."""
    system.fleet.use(FakeFleet(clock))
    system.tick()

    assert told(system)["resilience_fleet_workers",] == 1
    assert told(system)["resilience_fleet_online",] == 1
