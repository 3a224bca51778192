"""However many look at the board, it is rendered seldom, and not sent too often."""

import asyncio
import json
from contextlib import aclosing
from heapq import heapreplace
from typing import Any

import pytest

from resilience import System
from resilience.web.admin import api
from resilience.web.admin.board import board
from resilience.web.admin.glance import Glance
from resilience.web.admin.stream import boards
from resilience.web.admin.stream import stream as events
from resilience.web.answers import Answer


class Clock:
    """What the time is, and who has waited for how long."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.waited: list[float] = []
        patch.setattr("resilience.web.admin.glance.time.monotonic", lambda: self.now)
        patch.setattr("resilience.web.admin.stream.asyncio.sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.waited.append(seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give the time in hand."""
    return Clock(monkeypatch)


def look(system: System) -> Answer:
    """Return the board, as a page that polls fetches it."""
    return api.answer(system, api.Request("GET", api.HOME, "part=board", {}), "ada")


def test_those_who_look_together_see_one_board(system: System, time: Clock) -> None:
    """Half a second later it is made anew."""
    first = look(system).body
    system.circuits.get("payments").call(int)
    time.now += 0.4
    second = look(system).body
    time.now += 0.2
    third = look(system).body

    assert second == first
    assert b"payments" in third


def test_who_ordered_something_sees_it_at_once(system: System, time: Clock) -> None:
    """The earlier board is not shown again."""
    system.circuits.get("payments")
    look(system)
    order = {"action": "circuit.force_open", "name": "payments", "reason": "it is down"}
    json_ = {"content-type": "application/json"}
    asked = api.Request("POST", api.ACTIONS, "", json_, json.dumps(order).encode())

    assert api.answer(system, asked, "ada").status == 200

    assert b"forced open" in look(system).body


def test_buttons_are_not_shared_with_those_who_may_only_read(system: System, time: Clock) -> None:
    """Each kind of reader has a board of its own."""
    system.circuits.get("payments")
    glance = Glance()

    shown = [glance.board(system, may_operate=may).html for may in (True, False, True, False)]

    assert ["<button" in each for each in shown] == [True, False, True, False]


def test_a_large_board_is_shown_for_longer(
    system: System, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth of the worker's time at most goes into it."""
    made = []

    def slow(_: System) -> Any:
        time.now += 0.3
        made.append(time.now)
        return board(system)

    monkeypatch.setattr("resilience.web.admin.glance.board", slow)
    for _ in range(100):
        look(system)
        time.now += 0.1

    assert len(made) == 4  # in 10 seconds


@pytest.mark.parametrize(("tabs", "looks"), [(1, 50), (40, 50), (100, 25), (1000, 2.5)])
def test_pages_are_asked_to_wait_for_each_other(time: Clock, tabs: int, looks: float) -> None:
    """However many there are, they look 25 times a second together; a few do every two seconds."""
    glance = Glance()
    due = [(time.now + number / tabs, number) for number in range(tabs)]
    end, seen = time.now + 200, 0
    while due[0][0] < end:
        time.now, tab = due[0]
        heapreplace(due, (time.now + glance.wait(), tab))
        seen += time.now >= end - 100

    assert seen / tabs == pytest.approx(looks, rel=0.03)


def test_a_page_is_told_when_to_look_again(system: System) -> None:
    """In seconds."""
    assert look(system).headers["X-Resilience-Wait"] == "2.0"


@pytest.mark.parametrize(("tabs", "pause"), [(1, 0.5), (100, 0.5), (1000, 5.0)])
def test_streams_look_seldom_when_there_are_many(
    system: System, time: Clock, tabs: int, pause: float
) -> None:
    """200 times a second together; and those that have ended do not count."""

    async def listen() -> None:
        streams = [boards(system, may_operate=True) for _ in range(tabs)]
        sent = [await anext(each) for each in streams]
        assert sent == [sent[0]] * tabs
        assert sent[0].startswith(b"event: board\ndata: <section")
        assert sent[0].endswith(b"\n\n")
        await anext(streams[0])
        assert sum(time.waited) == max(2.0, pause)  # nothing has happened meanwhile
        assert max(time.waited) <= 1.0  # a server that ends waits for no more
        for each in streams:
            await each.aclose()
        time.waited.clear()
        async with aclosing(boards(system, may_operate=True)) as alone:
            await anext(alone)
            await anext(alone)

    asyncio.run(listen())

    assert time.waited == [0.5] * 4


def test_a_board_is_sent_when_something_happens(system: System, time: Clock) -> None:
    """At the next look, rather than two seconds after the last one."""
    payments = system.circuits.get("payments")
    system.recent.look()

    async def listen() -> bytes:
        async with aclosing(boards(system, may_operate=True)) as shown:
            await anext(shown)
            payments.force_open("it is down", "ada")
            return await anext(shown)

    assert b"forced open" in asyncio.run(listen())
    assert time.waited == [0.5]


def test_what_happened_together_is_sent_together(system: System, time: Clock) -> None:
    """One part for all events of a look, each with its number."""
    payments = system.circuits.get("payments")
    system.recent.look()

    async def listen() -> bytes:
        async with aclosing(events(system, 0)) as told:
            payments.force_open("it is down", "ada")
            payments.release()
            return await anext(told)

    part = asyncio.run(listen())

    ids = [line for line in part.splitlines() if line.startswith(b"id: ")]
    assert ids == [b"id: %d" % number for number in range(1, system.recent.last + 1)]
    assert len(ids) > 1


def test_lines_within_a_reason_do_not_end_a_message(time: Clock) -> None:
    """Neither kind of line end does."""
    system = System()
    system.degradation.degrade("minimal", "the bank\nis down\r\revent: x")

    async def listen() -> bytes:
        async with aclosing(boards(system, may_operate=False)) as shown:
            return await anext(shown)

    message = asyncio.run(listen()).removesuffix(b"\n\n")

    assert b"\r" not in message
    assert {line[:6] for line in message.split(b"\n")} == {b"event:", b"data: "}
    assert message.count(b"\nevent:") == 0
