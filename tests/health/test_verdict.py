"""One result alone changes nothing; too many changes freeze the worst."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.health.results import Status
from resilience.health.verdict import FLAP_RESULTS, Verdict

PASS, WARN, FAIL, UNKNOWN = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN
WORDS = {"p": PASS, "w": WARN, "f": FAIL, "?": UNKNOWN}


def heard(results: str, rise: int = 2, fall: int = 3, flap_share: float = 1.0) -> Verdict:
    """Return the verdict after results, each a letter: p, w, f, or ?."""
    verdict = Verdict(rise, fall, flap_share)
    for letter in results:
        verdict.hear(WORDS[letter])
    return verdict


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ("", UNKNOWN),
        ("p", PASS),
        ("f", FAIL),
        ("w", WARN),
        ("pf", PASS),
        ("pff", PASS),
        ("pfff", FAIL),
        ("pffp", PASS),
        ("pffpff", PASS),
        ("pffpfff", FAIL),
        ("fp", FAIL),
        ("fpp", PASS),
        ("fpfp", FAIL),
        ("pwww", WARN),
        ("pwff", WARN),
        ("pwffff", WARN),
        ("pwfffff", FAIL),
        ("fpw", WARN),
        ("wpp", PASS),
        ("pw", PASS),
        ("p?", UNKNOWN),
        ("p?f", FAIL),
    ],
)
def test_results_in_a_row_decide(results: str, status: Status) -> None:
    """The first at once; then three worse ones or two better ones, and the mildest of them."""
    assert status == heard(results).settled


@pytest.mark.parametrize(("rise", "fall"), [(1, 1), (4, 5)])
def test_the_numbers_are_those_given(rise: int, fall: int) -> None:
    """One less is not enough."""
    assert heard("p" + "f" * (fall - 1), rise, fall).settled == PASS
    assert heard("p" + "f" * fall, rise, fall).settled == FAIL
    assert heard("f" + "p" * (rise - 1), rise, fall).settled == FAIL
    assert heard("f" + "p" * rise, rise, fall).settled == PASS


def test_alternating_results_flap_and_show_the_worst() -> None:
    """No three failures in a row ever come, and yet nobody can rely on it."""
    verdict = heard("pf" * 4, flap_share=0.3)

    assert verdict.settled == PASS
    assert verdict.flapping
    assert verdict.status == FAIL


def test_a_few_changes_are_no_flapping() -> None:
    """An outage and its end are two."""
    verdict = heard("pppp" + "fff" + "pppp" + "fff" + "pppp", flap_share=0.3)

    assert not verdict.flapping
    assert verdict.status == PASS


def test_flapping_holds_the_worst_until_it_is_calm() -> None:
    """Less than half of what began it, so that flapping does not flap itself."""
    verdict = heard("pf" * 4, flap_share=0.3)
    until_calm = 0
    while verdict.flapping:
        assert verdict.status == FAIL
        verdict.hear(PASS)
        until_calm += 1

    assert verdict.status == PASS
    assert until_calm > FLAP_RESULTS / 2


def test_what_gets_worse_while_flapping_is_the_worst() -> None:
    """Frozen means not better; worse it may become."""
    verdict = heard("pw" * 4, flap_share=0.3)
    assert verdict.status == WARN

    verdict.hear(FAIL)

    assert verdict.status == FAIL


@given(st.text(alphabet="pwf", min_size=1, max_size=60))
def test_a_steady_thing_is_never_wrong(results: str) -> None:
    """Whatever went before, twenty equal results in a row settle it, and end all flapping."""
    for last in "pwf":
        verdict = heard(results + last * FLAP_RESULTS, flap_share=0.3)

        assert (verdict.status, verdict.flapping) == (WORDS[last], False)


@given(st.text(alphabet="pwf", min_size=1, max_size=60))
def test_a_verdict_is_something_that_was_seen(results: str) -> None:
    """It is never milder than all, nor worse than any result."""
    verdict = heard(results, flap_share=0.3)
    seen = [WORDS[letter].rank for letter in results]

    assert min(seen) <= verdict.settled.rank <= max(seen)
    assert min(seen) <= verdict.status.rank <= max(seen)
