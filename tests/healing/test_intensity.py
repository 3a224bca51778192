"""How many recoveries there may be in a sliding period."""

from hypothesis import given
from hypothesis import strategies as st

from resilience.healing.intensity import Intensity


def test_so_many_are_admitted_in_the_period() -> None:
    """The next one has to wait until the oldest is out of it."""
    intensity = Intensity()

    assert [intensity.admits(now, 3, 300) for now in (0, 10, 20, 30)] == [True, True, True, False]
    assert intensity.wait(30, 3, 300) == 270
    assert not intensity.admits(299.9, 3, 300)
    assert intensity.admits(300, 3, 300)
    assert intensity.count(300, 300) == 3


def test_a_lower_limit_holds_at_once() -> None:
    """Settings may change while recoveries are remembered."""
    intensity = Intensity()
    for now in range(5):
        intensity.admits(now, 5, 300)

    assert not intensity.admits(5, 2, 300)
    assert intensity.wait(5, 2, 300) == 298


def test_reset_forgets_all() -> None:
    """An operator lets it be recovered again."""
    intensity = Intensity()
    intensity.admits(0, 1, 300)

    intensity.reset()

    assert intensity.wait(1, 1, 300) == 0
    assert intensity.admits(1, 1, 300)


@given(
    gaps=st.lists(st.floats(0, 100), max_size=60),
    limit=st.integers(1, 5),
    period=st.floats(1, 200),
)
def test_never_more_than_the_limit_in_any_period(
    gaps: list[float], limit: int, period: float
) -> None:
    """Whenever they are asked for; and one that has waited is admitted."""
    intensity, now, admitted = Intensity(), 0.0, []
    for gap in gaps:
        now += gap
        if intensity.admits(now, limit, period):
            admitted.append(now)
        else:
            now += intensity.wait(now, limit, period)
            assert intensity.admits(now + 1e-6, limit, period)
            admitted.append(now + 1e-6)
            now += 1e-6

    for index, begun in enumerate(admitted):
        assert sum(begun <= each < begun + period for each in admitted[index:]) <= limit
