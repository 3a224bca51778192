"""What a restore does after a failure, for each kind of function."""

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any

import pytest

from resilience import CircuitOpenError, ConfigurationError, Event, System
from resilience.core import degraded
from resilience.core.request import Request, present
from resilience.core.rescue import Wait
from resilience.strategies import restores
from resilience.strategies.checkpoints import MemoryCheckpoint
from resilience.strategies.restores import Restore
from tests.strategies.conftest import DownError, run

Call = Callable[..., Any]


class Prices:
    """A state that can go bad, and a call that needs it."""

    def __init__(self, kind: Call) -> None:
        self.state: Any = None
        self.asked = 0
        self.ask = kind(self._ask)

    def _ask(self, *names: str) -> Any:
        self.asked += 1
        if not isinstance(self.state, dict):
            raise DownError(f"prices are {self.state!r}")
        return [self.state[name] for name in names]

    def put_back(self, state: Any) -> None:
        """Use that state from now on."""
        self.state = state


@pytest.fixture
def prices(kind: Call) -> Prices:
    """Give prices that went bad."""
    return Prices(kind)


def ask(restore: Restore, prices: Prices, *args: Any) -> Any:
    """Call it restored, awaited where that is due."""
    if inspect.iscoroutinefunction(prices.ask):
        return asyncio.run(restore.call_async(prices.ask, *args))
    return run(restore.call, prices.ask, *args)


def test_the_last_good_state_is_put_back_and_the_call_made_again(
    system: System, prices: Prices
) -> None:
    """The caller gets the answer as if nothing had been."""
    store = MemoryCheckpoint()
    store.save({"tea": 3})
    restore = Restore(checkpoint=store, put_back=prices.put_back, system=system)

    assert ask(restore, prices, "tea") == [3]
    assert prices.asked == 2


def test_while_all_is_well_nothing_is_put_back(system: System, prices: Prices) -> None:
    """A call that works is made once."""
    prices.state = {"tea": 4}
    restore = Restore(MemoryCheckpoint(), put_back=prices.put_back, system=system)

    assert ask(restore, prices, "tea") == [4]
    assert prices.asked == 1


def test_the_state_before_the_last_is_put_back_where_that_one_does_not_help(
    system: System, prices: Prices
) -> None:
    """One previous state is kept for that."""
    store = MemoryCheckpoint()
    store.save({"tea": 3})
    store.save("bad as well")
    restore = Restore(store, put_back=prices.put_back, system=system)

    assert ask(restore, prices, "tea") == [3]
    assert prices.asked == 3


def test_only_a_verified_state_is_worth_another_call(system: System, prices: Prices) -> None:
    """What `verify` refuses is not tried out on the call."""
    store = MemoryCheckpoint()
    store.save({"tea": 3})
    store.save("bad as well")
    restore = Restore(
        store,
        put_back=prices.put_back,
        verify=lambda: isinstance(prices.state, dict),
        system=system,
    )

    assert ask(restore, prices, "tea") == [3]
    assert prices.asked == 2


def test_what_puts_it_back_may_be_async_for_a_sync_call(system: System) -> None:
    """It is awaited all the same, and so is what verifies."""
    store = MemoryCheckpoint()
    store.save("good")
    state = ["bad"]

    async def put_back(value: str) -> None:
        await asyncio.sleep(0)
        state[0] = value

    async def verify() -> bool:
        return state[0] == "good"

    def call() -> str:
        if state[0] == "bad":
            raise DownError
        return state[0]

    assert Restore(store, put_back=put_back, verify=verify, system=system).call(call) == "good"


@pytest.mark.parametrize("broken", ["put_back", "verify", "nothing saved"])
def test_what_goes_wrong_while_restoring_never_replaces_the_callers_error(
    system: System, prices: Prices, broken: str
) -> None:
    """It is logged; the caller gets its own error."""
    store = MemoryCheckpoint()
    if broken != "nothing saved":
        store.save({"tea": 3})

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    restore = Restore(
        store,
        put_back=fail if broken == "put_back" else prices.put_back,
        verify=fail if broken == "verify" else None,
        system=system,
    )

    with pytest.raises(DownError, match="prices are None"):
        ask(restore, prices, "tea")
    assert prices.asked == 1


def test_a_call_that_fails_again_raises_its_own_error(system: System, prices: Prices) -> None:
    """The last one it raised: after a verified restore there is nothing more to try."""
    store = MemoryCheckpoint()
    store.save("bad")
    store.save("worse")
    restore = Restore(store, put_back=prices.put_back, verify=lambda: True, system=system)

    with pytest.raises(DownError, match="prices are 'worse'"):
        ask(restore, prices, "tea")
    assert prices.asked == 2


def test_without_put_back_the_state_is_the_answer(
    system: System, prices: Prices, events: list[Event]
) -> None:
    """For functions that load it; the request is marked degraded."""
    store = MemoryCheckpoint()
    store.save([3])
    token = present.set(Request())

    answer = ask(Restore(store, name="prices", system=system), prices, "tea")
    marks = degraded.marks()
    present.reset(token)

    assert (answer, marks) == ([3], {"prices": "stale"})
    assert [(event.type, event.component, event.data["source"]) for event in events] == [
        ("fallback_used", "prices", "checkpoint")
    ]


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (CircuitOpenError("payments"), {}),
        (KeyError("tea"), {"on": ConnectionError}),
        (DownError(), {"ignore": DownError}),
        (KeyboardInterrupt(), {}),
    ],
)
def test_not_every_error_is_a_failure_to_restore_after(
    system: System, error: BaseException, options: dict[str, Any]
) -> None:
    """Rejections, what `on` leaves out, what `ignore` names, interruptions."""
    store = MemoryCheckpoint()
    store.save(1)
    put_back: list[Any] = []

    def call() -> None:
        raise error

    with pytest.raises(type(error)):
        Restore(store, put_back=put_back.append, system=system, **options).call(call)
    assert put_back == []


def test_it_does_nothing_while_guards_are_inactive(system: System) -> None:
    """As for every other guard of the system."""
    store = MemoryCheckpoint()
    store.save(1)
    system.active = False

    def fail() -> None:
        raise DownError

    with pytest.raises(DownError):
        Restore(store, system=system).call(fail)


def test_calls_that_fail_meanwhile_wait_for_the_one_that_restores(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread puts the state back; the others go on with it."""
    store = MemoryCheckpoint()
    store.save("good")
    state, put_back, answers = ["bad"], [], []
    begun, waiting = threading.Event(), threading.Semaphore(0)

    class CountedWait(Wait):
        def run(self) -> Any:
            waiting.release()
            return super().run()

    monkeypatch.setattr(restores, "Wait", CountedWait)

    def restore_it(value: str) -> None:
        begun.set()
        for _ in range(4):
            assert waiting.acquire(timeout=30)
        put_back.append(value)
        state[0] = value

    def call() -> str:
        if state[0] == "bad":
            raise DownError
        return state[0]

    restore = Restore(store, put_back=restore_it, system=system)
    threads = [
        threading.Thread(target=lambda: answers.append(restore.call(call))) for _ in range(5)
    ]
    threads[0].start()
    assert begun.wait(30)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert answers == ["good"] * 5
    assert put_back == ["good"]


def test_tasks_that_fail_while_one_restores_wait_for_it(system: System) -> None:
    """The loop stays free meanwhile; afterwards each makes its own call again."""
    store = MemoryCheckpoint()
    store.save("good")
    put_back: list[str] = []

    async def main() -> list[str]:
        state, go_on = ["bad"], asyncio.Event()

        async def restore_it(value: str) -> None:
            await go_on.wait()
            put_back.append(value)
            state[0] = value

        async def call() -> str:
            if state[0] == "bad":
                raise DownError
            return state[0]

        restore = Restore(store, put_back=restore_it, system=system)
        tasks = [asyncio.create_task(restore.call_async(call)) for _ in range(5)]
        for _ in range(5):
            await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(main()) == ["good"] * 5
    assert put_back == ["good"]


def test_a_restore_that_is_cancelled_lets_the_next_one_begin(system: System) -> None:
    """Those who waited get their own errors, and nothing is blocked for ever."""
    store = MemoryCheckpoint()
    store.save("good")

    async def main() -> None:
        hangs = [True]

        async def put_back(_: str) -> None:
            if hangs[0]:
                await asyncio.Event().wait()

        calls = [0]

        async def call() -> str:
            calls[0] += 1
            if calls[0] <= 3:
                raise DownError
            return "fine"

        restore = Restore(store, put_back=put_back, system=system)
        first = asyncio.create_task(restore.call_async(call))
        second = asyncio.create_task(restore.call_async(call))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        with pytest.raises(DownError):
            await second

        hangs[0] = False
        assert await restore.call_async(call) == "fine"

    asyncio.run(main())


def test_what_cannot_be_is_refused_at_once() -> None:
    """Where the strategy is made, by name."""
    store = MemoryCheckpoint()
    wrong: Any
    for wrong, told in (
        ({"checkpoint": {}}, "checkpoint={}: give a MemoryCheckpoint"),
        ({"checkpoint": store, "put_back": 3}, "put_back=3: give a function"),
        ({"checkpoint": store, "put_back": print, "verify": 3}, "verify=3: give a function"),
        ({"checkpoint": store, "verify": print}, "verify without put_back"),
        ({"checkpoint": store, "on": "all"}, "on='all': give an exception type"),
        ({"checkpoint": store, "name": ""}, "name='': give a printable text"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            Restore(**wrong)
