"""The public face: every name is there, and importing it loads what it needs and no more."""

import subprocess
import sys
import threading
from typing import Any

import pytest

import resilience
from resilience import System
from resilience.core.demand import is_made, part

FRAMEWORKS = {"flask", "django", "starlette", "fastapi", "gunicorn", "uvicorn"}
EXTRAS = {"sqlalchemy", "redis", "prometheus_client", "opentelemetry", "openfeature", "apprise"}
TOOLS = {"click", "rich", "sqlite3", "tomllib"}


def fresh(code: str) -> str:
    """Return what `code` prints in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", resilience.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Whether it is loaded at once or on demand; `dir` shows it."""
    assert getattr(resilience, name) is not None
    assert name in dir(resilience)


def test_public_names_are_sorted_and_listed_once() -> None:
    """Those loaded on demand are all public."""
    assert len(set(resilience.__all__)) == len(resilience.__all__)
    assert set(resilience._MODULES) <= set(resilience.__all__)
    assert list(resilience._MODULES) == sorted(resilience._MODULES)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="module 'resilience' has no attribute 'circuits_of'"):
        resilience.circuits_of  # noqa: B018 - the look-up is the test


def test_a_star_import_brings_all() -> None:
    """Names that are loaded on demand too."""
    said = fresh(
        "from resilience import *\n"
        "import resilience\n"
        "print([name for name in resilience.__all__ if name not in globals()])"
    )

    assert said == "[]\n"


def test_the_import_loads_no_framework_no_extra_and_no_part() -> None:
    """What nobody uses, nobody pays for."""
    loaded = set(fresh("import resilience, sys\nprint('\\n'.join(sys.modules))").split())

    assert "resilience.systems" in loaded
    assert not loaded & (FRAMEWORKS | EXTRAS | TOOLS)
    rooms = {name.split(".")[1] for name in loaded if name.startswith("resilience.")}
    assert rooms <= {
        "clock",
        "core",
        "decorators",
        "errors",
        "events",
        "parts",
        "signals",
        "systems",
    }


def test_the_import_starts_no_thread() -> None:
    """Nor does decorating."""
    said = fresh(
        "import resilience, threading\n"
        "resilience.fallback(0)(resilience.retry(resilience.circuit(lambda: 0)))()\n"
        "print(threading.active_count())"
    )

    assert said == "1\n"


def test_a_part_is_made_once() -> None:
    """When it is first asked for, and never again."""
    system = System()

    assert not is_made(system, "bulkheads")
    assert system.bulkheads is system.bulkheads
    assert is_made(system, "bulkheads")


class Slow:
    """An owner whose part is made while others ask for it."""

    home = "somewhere:slow"

    def __init__(self, askers: int) -> None:
        self.barrier = threading.Barrier(askers)
        self.made: list[Any] = []

    @part
    def thing(self) -> Any:
        """What is asked for."""
        thing = type("Thing", (), {"home": "", "ready": sum(range(10_000))})()  # takes a while
        self.made.append(thing)
        return thing


def test_a_part_that_many_ask_for_at_once_is_made_once(fast_switching: None) -> None:
    """By threads that come at the same moment; it knows where pickle finds it."""
    slow, got = Slow(8), []

    def ask() -> None:
        slow.barrier.wait(20)
        got.append(slow.thing)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(got) == 8
    assert all(each is slow.made[0] for each in got)
    assert len(slow.made) == 1
    assert slow.thing.home == "somewhere:slow.thing"
    assert Slow.thing.__doc__ == "What is asked for."
