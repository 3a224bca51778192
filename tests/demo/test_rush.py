"""What a rush amounts to, and when it calls itself sound."""

import io

import pytest
from rich.console import Console, RenderableType

from resilience.demo import rush, rush_screen
from resilience.demo.plan import Plan
from resilience.demo.rush import BOUNDS, LENGTH, Figures, Phase, Visit


def visits(**changes: tuple[int, bool, float]) -> list[Visit]:
    """Return the visits of a sound rush, with what is changed of `{span: (status, extras, took)}`.

    Every fifth visit is an order, and no visitor of the rush gets extras.
    """
    default = {"calm": (200, True, 0.1), "rush": (200, False, 0.2), "after": (200, True, 0.1)}
    made = []
    for number, at in enumerate(rush.dues(20.0)):
        status, extras, took = {**default, **changes}[rush.phase_at(at)]
        made.append(Visit(at, took, "order" if number % 5 == 0 else "shop", status, extras))
    return made


def test_visitors_come_evenly_and_more_in_the_rush() -> None:
    """Two and a half times as many."""
    due = list(rush.dues(20.0))

    counts = {phase: sum(begin <= at < end for at in due) for phase, (begin, end) in BOUNDS.items()}
    assert counts == {Phase.CALM: 40, Phase.RUSH: 250, Phase.AFTER: 100}
    assert due == sorted(due)
    assert due[-1] < LENGTH


def test_a_slower_machine_gets_a_slower_upstream() -> None:
    """So that the shop is as busy with fewer visitors."""
    latency = [rush.slowness(rate)["/recommendations"]["latency"] for rate in (20, 40, 80)]

    assert latency == [0.3, 0.15, 0.075]


def test_figures_tell_who_got_what() -> None:
    """Orders are of all orders; extras of the pages that were served."""
    told = Figures.of(
        [
            Visit(0.0, 0.1, "order", 201),
            Visit(0.1, 0.2, "order", 503),
            Visit(0.2, 0.3, "shop", 200, extras=True),
            Visit(0.3, 0.4, "shop", 200),
            Visit(0.4, 9.0, "shop", 502),
            Visit(0.5, 9.9, "prices", None),
        ]
    )

    assert (told.visits, told.served, told.turned_away, told.failed) == (6, 3, 1, 2)
    assert (told.orders, told.extras, told.p95) == (0.5, 0.5, 0.4)
    assert Figures.of([]).document()["orders_taken_share"] is None


def test_a_sound_rush_has_no_problems() -> None:
    """Orders taken, extras left out, and all as before in the end."""
    assert list(rush.problems(visits())) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"calm": (200, True, 0.9)}, "this machine is too slow for the rush"),
        ({"rush": (503, False, 0.1)}, "only 0% of the orders were taken in the rush"),
        ({"rush": (200, True, 0.1)}, "the shop kept its extras in the rush"),
        ({"after": (200, False, 0.1)}, "the shop did not come back when the rush was over"),
        ({"after": (503, True, 0.1)}, "the shop did not come back when the rush was over"),
    ],
)
def test_what_makes_a_rush_unsound(changes: dict, said: str) -> None:
    """Each in a sentence."""
    assert any(each.startswith(said) for each in rush.problems(visits(**changes)))


def test_a_line_and_rows_tell_it_to_people() -> None:
    """A second of it, and all of it."""
    made = visits()

    assert rush.line(made, 4, guarded=True).split() == [
        *("4", "s", "rush", "with", "resilience", "served", "50", "turned", "away", "0"),
        *("failed", "0", "extras", "0%", "orders", "100%", "p95", "200", "ms"),
    ]
    told = dict(rush.rows(rush.figures(made)))
    assert told["in the rush: orders taken, pages with extras"] == "100%, 0%"
    assert told["calm: p95"] == "100 ms"
    assert rush.title(Plan(rate=20)).startswith("the rush: 20 visitors a second, 50 from 2 to 7 s")


def drawn(what: RenderableType) -> str:
    """Return what a terminal of 80 columns shows."""
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_picture_shows_phase_answers_orders_and_p95() -> None:
    """Of the last second, on one screen of 80 columns."""
    scene = rush_screen.Scene(20.0, True, lambda: 4.0, visits())

    shown = drawn(rush_screen.picture(scene))

    rows = {line.split("  ")[0].strip(): line for line in shown.splitlines()}
    assert "4.0 / 12 s" in shown
    assert "2.5 times as many visitors" in shown
    assert rows["served in full"].split()[3] == "10"  # the orders
    assert rows["served without extras"].split()[3] == "40"
    assert rows["orders taken"].split()[2] == "100%"
    assert rows["p95, target 400 ms"].split()[4:] == ["200", "ms"]
    assert len(shown.splitlines()) <= 12


def test_before_the_first_answer_there_is_a_picture_too() -> None:
    """Of nothing yet."""
    scene = rush_screen.Scene(20.0, False, lambda: -0.1)

    assert "as many visitors as ever" in drawn(rush_screen.picture(scene))


def test_the_summary_is_side_by_side() -> None:
    """With a baseline there are two columns."""
    rows = list(rush.rows(rush.figures(visits())))

    shown = drawn(rush_screen.summary([rows, rows], "the rush")).splitlines()

    assert shown[0] == "the rush"
    assert shown[1].split() == ["with", "resilience", "without"]
    assert len(shown) == 2 + len(rows)
