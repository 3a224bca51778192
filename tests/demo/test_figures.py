"""What the demo measures, and when it calls itself sound."""

import random

import pytest

from resilience.demo.measure import Kind, Sample, Tally, kind_of, kinds, percentile
from resilience.demo.plan import CIRCUITS, Act, Plan
from resilience.demo.report import notes, outcome, problems, time_to_open, time_to_recover
from resilience.demo.stage import Shop
from resilience.demo.upstreams import Upstream
from resilience.demo.watch import Circuits
from tests.demo.books import book

PLAN = Plan(duration=10.0, rate=20.0)
WORKERS = ("one", "two")


@pytest.mark.parametrize(
    ("expected", "status", "degraded", "retry_after"),
    [
        (Kind.FRESH, 200, "", None),
        (Kind.FRESH, 201, "", None),
        (Kind.STALE, 200, "prices=stale", None),
        (Kind.FALLBACK, 200, "recommendations=fallback", None),
        (Kind.FALLBACK, 200, "prices=stale, recommendations=fallback", None),
        (Kind.REJECTED, 503, "", "2"),
        (Kind.REJECTED, 503, "prices=stale", "2"),
        (Kind.FAILED, 503, "", None),
        (Kind.FAILED, 502, "prices=stale", None),
        (Kind.FAILED, 400, "", None),
        (Kind.FAILED, None, "", None),
    ],
)
def test_kind_of(
    expected: Kind, status: int | None, degraded: str, retry_after: str | None
) -> None:
    """The worst part names the answer; an honest 503 is no failure."""
    assert kind_of(status, degraded, retry_after) is expected


def sample(at: float, took: float = 0.01, kind: Kind = Kind.FRESH, status: int = 200) -> Sample:
    """Return a sample."""
    return Sample(at, took, kind, status)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 0.50), (0.99, 0.99), (0.991, 1.0), (1.0, 1.0), (0.001, 0.01)]
)
def test_percentile_is_a_time_that_was_measured(share: float, expected: float) -> None:
    """Of the times 0.01 to 1.00, in any order: the nearest rank."""
    samples = [sample(0.0, number / 100) for number in range(1, 101)]
    random.Random(1).shuffle(samples)

    assert percentile(samples, share) == expected


def test_no_samples_have_no_percentile() -> None:
    """None, rather than a 0 that looks fast."""
    assert percentile([], 0.5) is None


def test_an_act_has_the_requests_that_were_due_in_it() -> None:
    """However late they were answered; seconds have those that were answered in them."""
    tally = Tally()
    for at, took in ((1.9, 3.0), (2.0, 0.1), (5.9, 0.2), (6.0, 0.0)):
        tally.add(sample(at, took))

    assert [len(tally.due(act, PLAN)) for act in Act] == [1, 2, 1, 0, 0]
    assert [each.at for each in tally.done(2.0, 6.0)] == [1.9, 2.0]
    assert kinds(tally.samples)[Kind.FRESH] == 4


@pytest.mark.parametrize(
    ("at", "act"),
    [
        (0, "healthy"),
        (1.99, "healthy"),
        (2, "sick"),
        (5.99, "sick"),
        (6, "mended"),
        (7.59, "mended"),
        (7.6, "cut"),
        (9.19, "cut"),
        (9.2, "well"),
        (11, "well"),
    ],
)
def test_each_act_has_its_share(at: float, act: str) -> None:
    """Of 10 seconds: the upstream is sick from 2 to 6, and connections are cut from 7.6 to 9.2."""
    assert PLAN.act(at) == act


def test_a_shorter_run_waits_shorter() -> None:
    """All circuits' waits shrink with it, by the setting anyone may use; a full one keeps them."""
    settings = PLAN.circuit_settings()

    assert len(settings) == 2 * len(CIRCUITS)
    assert settings["RESILIENCE__CIRCUITS__PAYMENT__RESET_TIMEOUT"] == "0.800"
    assert Plan().circuit_settings() == Plan(duration=100).circuit_settings() == {}


@pytest.fixture
def shop() -> Shop:
    """Give a sound run: all open 0.5 s after the break, closed 1 s after the mending."""
    made = Shop(True, "http://shop", "token", Upstream("http://upstream"), book())
    for number in range(200):
        at = number / 20
        made.tally.add(sample(at, kind=Kind.STALE if 2.0 <= at < 6.5 else Kind.FRESH))
    for worker in WORKERS:
        made.circuits.see(worker, checks("closed"), 1.0)
        made.circuits.see(worker, checks("open", opened_at=2.5), 2.6)
        made.circuits.see(worker, checks("closed", opened_at=2.5), 7.0)
    return made


def checks(state: str, opened_at: float | None = None) -> dict[str, list[dict[str, str]]]:
    """Return the checks of a worker's `/health`, all circuits in one state."""
    check = {"observedValue": state}
    if opened_at is not None:
        check["opened_at"] = f"1970-01-01T00:00:{opened_at:06.3f}Z"
    return {f"circuit:{name}": [check] for name in CIRCUITS}


def test_a_sound_run_has_no_problem(shop: Shop) -> None:
    """And the times are those of the last circuit."""
    shop.circuits.see("one", checks("closed", opened_at=2.5), 8.0)

    assert list(problems([shop], PLAN)) == []
    assert (time_to_open(shop, PLAN), time_to_recover(shop, PLAN)) == (0.5, 1.0)
    assert outcome(shop, PLAN).document()["answers"]["stale"] == 90


def test_a_first_fresh_answer_may_be_what_recovery_waits_for() -> None:
    """Closed circuits alone are not an answer."""
    shop = Shop(True, "http://shop", "token", Upstream("http://upstream"), book())
    shop.tally.add(sample(5.0))
    shop.tally.add(sample(9.0, 0.5))

    assert time_to_recover(shop, PLAN) == 3.5


@pytest.mark.parametrize(
    ("failures", "unsound", "noted"),
    [(3, "should have opened", ""), (2, "", "stayed closed: of the")],
)
def test_a_circuit_that_never_opened_is_said(
    shop: Shop, failures: int, unsound: str, noted: str
) -> None:
    """By its name and worker; where it had no reason to open, as a note."""
    which = ("two", "payment")
    del shop.circuits.opened[which], shop.circuits.closed[which]
    shop.circuits.failures[which] = failures

    found, said = list(problems([shop], PLAN)), list(notes([shop]))

    assert [each.startswith("circuit payment of worker two " + unsound) for each in found] == [
        True
    ] * bool(unsound)
    assert [each.startswith("circuit payment of worker two " + noted) for each in said] == [
        True
    ] * bool(noted)


def test_an_outage_that_opens_nothing_is_unsound(shop: Shop) -> None:
    """There is no time to open, then."""
    shop.circuits.opened.clear()
    shop.circuits.closed.clear()

    assert list(problems([shop], PLAN)) == ["no circuit opened"]
    assert outcome(shop, PLAN).time_to_open is None


def test_a_circuit_that_opens_again_is_not_recovered(shop: Shop) -> None:
    """Closed for a moment is not closed."""
    shop.circuits.see("one", checks("half_open", opened_at=9.0), 9.5)

    assert list(problems([shop], PLAN)) == ["not all was as before at the end"]
    assert time_to_recover(shop, PLAN) is None


@pytest.mark.parametrize(
    ("at", "said"),
    [(1.0, "too few answers were fresh while all was well: 40 fresh, 1 failed"),
     (9.0, "too few answers were fresh after the recovery: 59 fresh, 1 failed")],
)  # fmt: skip
def test_failures_outside_the_outage_are_unsound(shop: Shop, at: float, said: str) -> None:
    """With 2 % of the answers; 1 % is a busy machine."""
    shop.tally.add(sample(at, kind=Kind.FAILED, status=500))

    assert list(problems([shop], PLAN)) == [said]


def test_a_machine_that_cannot_keep_up_is_unsound(shop: Shop) -> None:
    """What it measures then is itself."""
    for number in range(100):
        shop.tally.add(sample(number / 100, 0.15))

    assert ["this machine is too slow" in each for each in problems([shop], PLAN)] == [True]


def test_what_was_in_flight_at_the_break_spoils_nothing(shop: Shop) -> None:
    """Due while all was well, answered when nothing was any more."""
    for _ in range(5):
        shop.tally.add(sample(1.99, 0.3, Kind.FAILED, 502))

    assert list(problems([shop], PLAN)) == []


def test_a_worker_that_was_replaced_is_unsound(shop: Shop) -> None:
    """A third one has no history that could be judged."""
    shop.circuits.see("three", checks("closed"), 9.0)

    assert "3 workers were seen, and 2 started" in list(problems([shop], PLAN))


def test_a_worker_that_is_gone_is_no_longer_shown() -> None:
    """Three seconds after its last answer."""
    circuits = Circuits()
    circuits.see("one", checks("open", opened_at=1.0), 1.0)

    assert list(circuits.workers(3.9)) == ["one"]
    assert list(circuits.workers(4.1)) == []
    assert circuits.known == ["one"]


def test_without_guards_no_circuit_may_open(shop: Shop) -> None:
    """A baseline that is guarded compares nothing."""
    shop.guarded = False

    assert list(problems([shop], PLAN)) == [
        "without resilience: a circuit opened where none should be in force"
    ]


def test_errors_are_told_apart(shop: Shop) -> None:
    """Rejected at once, failed, and no answer at all; a 400 is none of the server's."""
    shop.tally.samples.clear()
    for kind, status in (
        (Kind.REJECTED, 503),
        (Kind.REJECTED, 503),
        (Kind.FAILED, 502),
        (Kind.FAILED, None),
        (Kind.FAILED, 400),
    ):
        shop.tally.add(Sample(3.0, 0.1, kind, status))

    told = outcome(shop, PLAN).document()

    assert told["server_errors"] == {"rejected": 2, "failed": 2, "total": 4}
    assert told["latency_seconds"]["sick"] == {"p50": 0.1, "p99": 0.1}
    assert told["latency_seconds"]["healthy"] == {"p50": None, "p99": None}
