"""Guarding other people's code by its name, and taking the guard off again."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from resilience import CircuitOpenError, ConfigurationError, System, guarded, protect


class Client:
    """Somebody else's class."""

    def send(self, path: str) -> str:
        """Answer, or fail."""
        if path == "broken":
            raise OSError(path)
        return path

    @classmethod
    def make(cls) -> "Client":
        """Make one."""
        return cls()

    @staticmethod
    def double(number: int) -> int:
        """Double a number."""
        return number * 2

    async def fetch(self, path: str) -> str:
        """Answer."""
        return path


class Child(Client):
    """A class that inherits all of it."""


def get(path: str) -> str:
    """Use a client."""
    return Client().send(path)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give a module that is somebody else's."""
    module: Any = ModuleType("library")
    module.Client = type("Client", (), dict(vars(Client)))
    module.Child = type("Child", (module.Client,), {})
    module.get = get
    monkeypatch.setitem(sys.modules, "library", module)
    return module


def test_a_method_of_a_class_is_guarded_for_all_its_objects(system: System, library: Any) -> None:
    """Also for those there are already."""
    before = library.Client()

    protect("library:Client.send", system.circuit("http", failure_threshold=2))
    for client in (before, library.Client()):
        with pytest.raises(OSError, match="broken"):
            client.send("broken")

    with pytest.raises(CircuitOpenError):
        before.send("well")


def test_a_function_is_guarded_by_several_layers(system: System, library: Any) -> None:
    """Their order does not matter here either."""
    protect("library:get", system.circuit("http", failure_threshold=1), system.fallback("instead"))

    assert [library.get("broken"), library.get("well")] == ["instead", "instead"]


def test_a_key_is_made_of_the_methods_arguments(system: System, library: Any) -> None:
    """One circuit for each host, the object being the first argument."""
    protect("library:Client.send", system.circuit("http", key=lambda client, path: path[:1]))

    library.Client().send("a/1")
    library.Client().send("a/2")
    library.Client().send("b/1")

    assert {each.name: each.snapshot().calls for each in system.circuits} == {
        "http[a]": 2,
        "http[b]": 1,
    }


def test_what_is_returned_takes_the_guard_off(system: System, library: Any) -> None:
    """The very function is back in its place."""
    original = vars(library.Client)["send"]

    undo = protect("library:Client.send", system.circuit("http"))
    assert guarded(library.Client.send)
    undo()

    assert vars(library.Client)["send"] is original


@pytest.mark.parametrize("name", ["make", "double"])
def test_class_and_static_methods_stay_what_they_are(
    system: System, library: Any, name: str
) -> None:
    """Guarded, called by class and by object, and put back."""
    original = vars(library.Client)[name]
    arguments = [4] if name == "double" else []

    undo = protect(f"library:Client.{name}", system.circuit("it"))
    getattr(library.Client, name)(*arguments)
    getattr(library.Client(), name)(*arguments)

    assert type(vars(library.Client)[name]) is type(original)
    assert system.circuits["it"].snapshot().calls == 2
    undo()
    assert vars(library.Client)[name] is original


def test_an_inherited_method_is_guarded_for_the_child_only(system: System, library: Any) -> None:
    """Taking it off leaves no copy behind."""
    undo = protect("library:Child.send", system.circuit("http"))

    library.Client().send("a")
    library.Child().send("a")

    assert system.circuits["http"].snapshot().calls == 1
    undo()
    undo()  # once is enough, and twice is none too many
    assert "send" not in vars(library.Child)
    assert library.Child().send("a") == "a"


@pytest.mark.parametrize(
    "target",
    ["", "library", "library:", ":get", "library:nothing", "library:Client.nothing", "no_lib:get"],
)
def test_what_is_not_there_is_refused(system: System, library: Any, target: str) -> None:
    """With the target in the text."""
    with pytest.raises(ConfigurationError, match=f"protect\\('{target}'\\)"):
        protect(target, system.circuit("http"))


def test_nothing_to_guard_with_is_refused(library: Any) -> None:
    """A call without decorators would do nothing, silently."""
    with pytest.raises(ConfigurationError, match="and decorators"):
        protect("library:get")


def test_a_refused_decorator_changes_nothing(system: System, library: Any) -> None:
    """Two of one kind: the function is as it was."""
    with pytest.raises(ConfigurationError):
        protect("library:get", system.circuit("a"), system.circuit("b"))

    assert library.get is get
