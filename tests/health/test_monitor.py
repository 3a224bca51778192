"""What is known of the components, on a clock in hand."""

from collections.abc import Callable

import pytest

from resilience import Event, System
from resilience.health.results import CheckResult
from resilience.testing import ManualClock
from tests.health.conftest import Dependency

After = Callable[[int], None]


def status_of(system: System, component: str = "database") -> str:
    """Return a component's status."""
    return str(system.health.report().components[component].status)


def test_a_check_runs_at_once_and_then_every_interval(
    system: System, clock: ManualClock, database: Dependency
) -> None:
    """At most five seconds apart, with jitter, and never outside `tick`."""
    system.health.check("database", database.look)
    assert database.looks == 0

    system.tick()
    assert database.looks == 1
    for _ in range(40):
        clock.advance(0.1)
        system.tick()
    assert database.looks == 1
    clock.advance(1)
    system.tick()
    assert database.looks == 2


def test_starts_are_spread(system: System, clock: ManualClock) -> None:
    """Twenty checks of one interval do not stay in step."""
    starts: dict[int, list[float]] = {number: [] for number in range(20)}
    for number, seen in starts.items():
        system.health.check(f"check {number}", lambda seen=seen: seen.append(clock.monotonic()))

    for _ in range(1000):
        system.tick()
        clock.advance(0.01)

    second = [seen[1] for seen in starts.values()]
    assert len(set(second)) > 10
    assert all(4.4 < each <= 5.0 for each in second)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (None, "pass"),
        (True, "pass"),
        (False, "fail"),
        (ConnectionError("no route"), "fail"),
        (CheckResult("warn", "slow disk"), "warn"),
        (CheckResult("fail"), "fail"),
        (CheckResult(), "pass"),
        (CheckResult("unknown"), "unknown"),
        (0, "fail"),
        ("ok", "fail"),
    ],
)
def test_what_a_check_says(
    system: System, database: Dependency, answer: object, status: str
) -> None:
    """None and True pass, False and errors fail, a result speaks for itself, the rest fails."""
    database.answer = answer
    system.health.check("database", database.look)

    system.tick()

    assert status == status_of(system)


def test_the_reason_is_kept(system: System, database: Dependency) -> None:
    """The error's type and text; a wrong answer says what would have been right."""
    system.health.check("database", database.look)
    database.answer = ConnectionError("no route")
    system.tick()
    [check] = system.health.report().components["database"].checks
    assert check.output == "ConnectionError: no route"

    database.answer = 42
    system.health.verify("database")

    [check] = system.health.report().components["database"].checks
    assert check.output is not None
    assert "returned int: return None, True, False or a CheckResult" in check.output


def test_two_failures_are_noise_and_three_an_outage(
    system: System, database: Dependency, after: After
) -> None:
    """And one good result is hope, two are the end of it."""
    system.health.check("database", database.look)
    after(4)

    database.answer = False
    after(2)
    assert status_of(system) == "pass"
    after(1)
    assert status_of(system) == "fail"

    database.answer = True
    after(1)
    assert status_of(system) == "fail"
    after(1)
    assert status_of(system) == "pass"


def test_rise_and_fall_are_settings(system: System, database: Dependency, after: After) -> None:
    """And apply from the next result on, without forgetting the last ones."""
    system.health.check("database", database.look)
    after(1)
    system.configure({"health": {"fall": 1, "rise": 4}})

    database.answer = False
    after(1)
    assert status_of(system) == "fail"
    database.answer = True
    after(3)
    assert status_of(system) == "fail"
    after(1)
    assert status_of(system) == "pass"


def test_flapping_shows_the_worst(system: System, database: Dependency, after: After) -> None:
    """A component that changes all the time is down, until it has been calm for a while."""
    system.health.check("database", database.look)
    for up in [True, False] * 5:
        database.answer = up
        after(1)

    report = system.health.report().components["database"]
    assert (report.status, report.flapping) == ("fail", True)
    assert system.health.flapping("database")

    database.answer = True
    after(20)

    report = system.health.report().components["database"]
    assert (report.status, report.flapping) == ("pass", False)
    assert not system.health.flapping("database")
    assert not system.health.flapping("no such thing")


def test_a_result_older_than_three_intervals_is_unknown(
    system: System, clock: ManualClock, database: Dependency
) -> None:
    """Whoever runs no checks knows nothing; at three intervals it still counts."""
    system.health.check("database", database.look)
    system.tick()

    clock.advance(15)
    assert status_of(system) == "pass"
    clock.advance(0.1)
    assert status_of(system) == "unknown"
    [check] = system.health.report().components["database"].checks
    assert check.overdue

    system.tick()
    assert status_of(system) == "pass"


def test_after_silence_the_first_result_decides(
    system: System, clock: ManualClock, database: Dependency
) -> None:
    """What was true before may not be any more."""
    system.health.check("database", database.look)
    system.tick()
    clock.advance(60)
    database.answer = False

    system.tick()

    assert status_of(system) == "fail"


def test_nobody_knows_before_the_first_result(
    system: System, clock: ManualClock, database: Dependency
) -> None:
    """That alone is no worry; that none comes for three intervals is."""
    system.health.check("database", database.look, criticality="critical")

    report = system.health.report()
    assert (report.status, report.components["database"].status) == ("pass", "unknown")
    assert (report.score, system.health.score("database")) == (100.0, None)

    clock.advance(15.1)
    report = system.health.report()
    assert (report.status, report.components["database"].status) == ("warn", "unknown")
    assert system.health.critical_down() == []


def test_a_component_nobody_can_see_counts_half(
    system: System, clock: ManualClock, database: Dependency
) -> None:
    """Neither well nor down."""
    system.health.check("database", database.look, criticality="critical")
    system.tick()
    assert system.health.score() == 100.0

    clock.advance(15.1)

    assert system.health.score() == 50.0


def test_the_score_is_the_share_of_good_results(
    system: System, database: Dependency, after: After
) -> None:
    """In percent, over the window; the system's is weighted by criticality."""
    system.health.check("database", database.look, criticality="high")
    system.health.check("mailer", lambda: None, criticality="low")
    after(15)
    database.answer = False
    after(5)

    assert system.health.score("database") == 75.0
    assert system.health.score("mailer") == 100.0
    assert system.health.score() == pytest.approx((75 * 4 + 100) / 5)


def test_the_window_slides(system: System, database: Dependency, after: After) -> None:
    """After two minutes an outage is forgotten, and never less than 20 results are looked at."""
    system.health.check("database", database.look)
    database.answer = False
    after(10)
    database.answer = True
    after(15)
    assert system.health.score("database") == 60.0
    after(10)

    assert system.health.score("database") == 100.0


def test_few_results_of_a_slow_check_are_looked_at_further_back(
    system: System, clock: ManualClock, database: Dependency
) -> None:
    """A check of every minute has only two results in the window."""
    system.health.check("database", database.look, interval=60)
    for number in range(20):
        database.answer = number != 3
        system.tick()
        clock.advance(60)

    assert system.health.score("database") == 95.0


def test_a_critical_component_down_caps_the_score(
    system: System, database: Dependency, after: After
) -> None:
    """Before its availability has sunk."""
    system.health.check("database", database.look, criticality="critical")
    after(20)
    database.answer = False
    after(3)

    report = system.health.report()

    assert (report.status, report.score, report.level) == ("fail", 25.0, "fatal")
    assert system.health.critical_down() == ["database"]


def test_the_worst_check_of_a_component_decides(
    system: System, database: Dependency, after: After
) -> None:
    """Of those that matter most; one that matters less only warns."""
    replica = Dependency()
    system.health.check("primary", database.look, component="database", criticality="critical")
    system.health.check("replica", replica.look, component="database", criticality="low")
    after(1)

    replica.answer = False
    after(3)
    component = system.health.report().components["database"]
    assert (component.status, component.score, component.criticality) == ("warn", 100.0, "critical")
    assert system.health.report().status == "warn"

    database.answer = False
    after(3)
    assert status_of(system) == "fail"
    assert [each.name for each in component.checks] == ["primary", "replica"]


def test_a_component_that_is_not_critical_warns(
    system: System, database: Dependency, after: After
) -> None:
    """The app is less than it was, but not down."""
    system.health.check("mailer", database.look, criticality="high")
    database.answer = False
    after(1)

    assert system.health.report().status == "warn"
    assert system.health.critical_down() == []


def test_a_slow_pass_is_a_warning(system: System, clock: ManualClock, database: Dependency) -> None:
    """Beyond `slow_after`, and less than the time limit."""

    @system.health.check("database", slow_after=0.5)
    def slow() -> object:
        clock.advance(0.6)
        return database.answer

    system.tick()
    [check] = system.health.report().components["database"].checks
    assert (check.status, check.output) == ("warn", "took 0.6 s, longer than 0.5 s")

    database.answer = CheckResult(output="42 rows")
    system.health.verify("database")
    [check] = system.health.report().components["database"].checks
    assert check.output == "took 0.6 s, longer than 0.5 s; 42 rows"


def test_a_result_beyond_the_time_limit_is_a_failure(system: System, clock: ManualClock) -> None:
    """Whatever it says when it comes."""

    @system.health.check("database", timeout=0.5)
    def late() -> bool:
        clock.advance(0.6)
        return True

    system.tick()

    [check] = system.health.report().components["database"].checks
    assert (check.status, check.output) == ("fail", "no answer within 0.5 s")
    assert check.latency == pytest.approx(0.6)


def test_the_trend_follows_the_score(system: System, database: Dependency, after: After) -> None:
    """Unknown below ten results, stable while nothing changes, and then where it goes."""
    system.health.check("database", database.look)
    after(9)
    assert system.health.report().components["database"].trend is None
    after(11)
    assert system.health.report().components["database"].trend == "stable"
    assert system.health.report().trend == "stable"

    database.answer = False
    after(12)
    assert system.health.report().components["database"].trend == "degrading"
    assert system.health.report().trend == "degrading"

    database.answer = True
    after(30)
    assert system.health.report().components["database"].trend == "improving"


def test_growing_latency_shows_before_anything_fails(system: System, clock: ManualClock) -> None:
    """While every result still passes."""
    taken = [0.01]

    @system.health.check("database")
    def slower() -> None:
        clock.advance(taken[0])
        taken[0] *= 1.2

    for _ in range(20):
        clock.advance(5)
        system.tick()

    component = system.health.report().components["database"]
    assert (component.status, component.trend) == ("pass", "stable")
    assert component.latency_trend == "degrading"
    assert component.latency == pytest.approx(0.01 * (1.2**20 - 1) / 0.2 / 20)


def test_history_keeps_each_result(system: System, clock: ManualClock) -> None:
    """Oldest first, with what was measured; the whole is kept every five seconds."""
    readings = iter(range(100))

    @system.health.check("pool", component="database")
    def used() -> CheckResult:
        clock.advance(0.25)
        return CheckResult("pass", "ok", next(readings), "connections")

    for _ in range(3):
        system.tick()
        clock.advance(5)

    first, *_, last = system.health.history("database")
    assert (first.check, first.component, first.status) == ("pool", "database", "pass")
    assert (first.observed_value, first.observed_unit, first.output) == (0, "connections", "ok")
    assert (first.latency, first.at) == (0.25, 1_750_000_000.25)
    assert (last.observed_value, last.monotonic) == (2, 10.75)
    assert [each.score for each in system.health.history()] == [100.0] * 3


def test_history_is_bounded_in_number_and_time(
    system: System, database: Dependency, after: After
) -> None:
    """Whichever comes first."""
    system.configure({"health": {"history_size": 7}})
    system.health.check("database", database.look)
    after(30)
    assert len(system.health.history("database")) == 7
    assert len(system.health.history()) == 7

    system.configure({"health": {"history_size": 100, "retention": 60}})
    after(100)

    assert 11 <= len(system.health.history("database")) <= 14
    assert 11 <= len(system.health.history()) <= 14


def test_records_of_a_check_that_stopped_go_with_time(
    system: System, clock: ManualClock, database: Dependency
) -> None:
    """Nobody needs to add to them."""
    system.configure({"health": {"retention": 60}})
    system.health.check("database", database.look, interval=3600)
    system.tick()
    assert len(system.health.history("database")) == 1

    clock.advance(61)
    system.tick()

    assert system.health.history("database") == []


def test_clear_history_begins_anew(system: System, database: Dependency, after: After) -> None:
    """Results, score, trend and verdict of the one component."""
    mailer = Dependency()
    system.health.check("database", database.look)
    system.health.check("mailer", mailer.look)
    database.answer = False
    after(12)

    system.health.clear_history("database")

    assert system.health.history("database") == []
    component = system.health.report().components["database"]
    assert (component.status, component.score, component.trend) == ("unknown", None, None)
    assert len(system.health.history("mailer")) == 12
    assert len(system.health.history()) > 0

    system.health.clear_history()

    assert system.health.history("mailer") == []
    assert system.health.history() == []


@pytest.mark.parametrize("method", ["history", "clear_history"])
def test_an_unknown_component_says_what_was_meant(
    system: System, database: Dependency, method: str
) -> None:
    """By near names."""
    system.health.check("database", database.look)

    with pytest.raises(KeyError, match="no component 'databse'; did you mean 'database'"):
        getattr(system.health, method)("databse")


def test_verify_runs_the_checks_now(system: System, database: Dependency) -> None:
    """All of a component's; True, False, or None where there is none; and it counts as a result."""
    system.health.check("primary", database.look, component="database")
    system.health.check("replica", lambda: None, component="database")

    assert system.health.verify("database") is True
    database.answer = False
    assert system.health.verify("database") is False
    assert system.health.verify("mailer") is None
    assert [each.status for each in system.health.history("database")] == ["pass", "pass", "fail"]


def test_one_passing_verification_does_not_end_an_outage(
    system: System, database: Dependency, after: After
) -> None:
    """It is one of the two that are needed."""
    system.health.check("database", database.look)
    database.answer = False
    after(3)
    database.answer = True

    assert system.health.verify("database") is True
    assert status_of(system) == "fail"
    assert system.health.verify("database") is True
    assert status_of(system) == "pass"


def test_removing_a_check(system: System, database: Dependency, after: After) -> None:
    """With the last one goes the component; it runs no more."""
    system.health.check("primary", database.look, component="database")
    system.health.check("replica", lambda: None, component="database")
    after(1)

    system.health.remove("primary")
    assert [each.name for each in system.health.checks] == ["replica"]
    assert "database" in system.health.report().components
    system.health.remove("replica")
    after(2)

    assert database.looks == 1
    assert system.health.report().components == {}
    with pytest.raises(KeyError, match="no check 'primary'"):
        system.health.remove("primary")


def test_disabled_health_runs_nothing_and_worries_nobody(
    system: System, database: Dependency, after: After
) -> None:
    """Until it is enabled."""
    system.configure({"health": {"enabled": False}})
    system.health.check("database", database.look, criticality="critical")
    after(5)
    assert database.looks == 0
    report = system.health.report()
    assert (report.status, report.score) == ("pass", 100.0)
    assert report.components["database"].status == "unknown"

    system.configure({"health": {"enabled": True}})
    after(1)
    assert database.looks == 1


def test_circuits_report_by_themselves(system: System) -> None:
    """Together, as a component that warns at worst; there is none while there is no circuit."""
    assert "circuits" not in system.health.report().components
    payments, _ = system.circuits.get("payments"), system.circuits.get("mails")
    assert system.health.report().components["circuits"].status == "pass"

    payments.force_open()

    report = system.health.report()
    assert (report.status, report.components["circuits"].status) == ("warn", "warn")
    assert (report.score, report.components["circuits"].score) == (90.0, 90.0)
    assert system.health.critical_down() == []


def test_reading_changes_nothing(system: System, clock: ManualClock, events: list[Event]) -> None:
    """A report is what is known, and asks nobody."""
    system.health.check("database", lambda: None)
    system.tick()
    clock.advance(60)
    told = len(events)

    reports = [system.health.report() for _ in range(3)]

    assert reports[0] == reports[1] == reports[2]
    assert len(events) == told


def test_systems_are_apart(system: System, clock: ManualClock) -> None:
    """Each has its own checks."""
    other = System(clock=clock)
    system.health.check("database", lambda: False)
    other.health.check("database", lambda: True)
    system.tick()
    other.tick()

    assert (status_of(system), status_of(other)) == ("fail", "pass")


async def nothing() -> None:
    """Find nothing wrong."""


async def something() -> CheckResult:
    """Find something wrong."""
    return CheckResult("fail", "no")


async def trouble() -> None:
    """Fail."""
    raise ConnectionError("no route")


@pytest.mark.parametrize(
    ("check", "status", "output"),
    [
        (nothing, "pass", None),
        (something, "fail", "no"),
        (trouble, "fail", "ConnectionError: no route"),
        (lambda: nothing(), "pass", None),  # noqa: PLW0108 - the lambda is the point
        (lambda: something(), "fail", "no"),  # noqa: PLW0108
    ],
)
def test_async_checks(
    system: System, check: Callable[[], object], status: str, output: str | None
) -> None:
    """Awaited, also where only what a plain function returns shows that it is async."""
    system.health.check("database", check)

    system.tick()

    [found] = system.health.report().components["database"].checks
    assert (found.status, found.output) == (status, output)


@pytest.mark.anyio
async def test_async_checks_in_a_tick_inside_a_loop(system: System) -> None:
    """As in a test that is async itself."""
    system.health.check("database", something)

    system.tick()

    assert status_of(system) == "fail"
    assert await system.health.verify_async("database") is False


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"
