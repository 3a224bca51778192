"""One guard for one function: its layers, in the one order in which they run."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial, update_wrapper
from types import FunctionType, MethodType
from typing import Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

from resilience.core.kinds import Kind, kind_of
from resilience.core.proxy import GuardedObject
from resilience.errors import ConfigurationError, DecorationError

ORDER = ("feature", "fallback", "heal", "retry", "circuit", "bulkhead", "timeout", "chaos")
"""The layers of a guard, outermost first, whatever the order of the `@` lines."""

_ATTRIBUTE = "__resilience__"
_DEEPEST = 100  # decorators around a guard; some objects have a `__wrapped__` without end

_bare: WeakSet[Callable[..., Any]] = WeakSet()  # functions that some guard stands for
_runs: WeakKeyDictionary[Callable[..., Any], Guard] = WeakKeyDictionary()


class Layer(Protocol):
    """What one decorator adds to a guard."""

    @property
    def role(self) -> str:
        """One of `ORDER`."""
        ...

    def attach(self, guard: Guard) -> None:
        """Look at the whole guard, and refuse what cannot be (raise `ConfigurationError`)."""

    def wrap(self, call: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
        """Return `call` as it runs inside this layer, of the guard's kind."""
        ...

    def describe(self) -> Iterable[str]:
        """Return lines for `explain`: the first names the layer, each other a number in force."""
        ...


@dataclass(frozen=True, slots=True)
class Guard:
    """A function and the layers around it. Immutable: a further decorator makes another guard.

    Args:
        call: the function as its author wrote it.
        kind: how it gives its answer.
        layers: outermost first.
        runtime: the ground of the system whose layers they are; None: of none.
    """

    call: Callable[..., Any]
    kind: Kind
    layers: tuple[Layer, ...] = ()
    runtime: object = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The function's `module.qualname`; of a callable object, its type's."""
        return name_of(self.call)

    @property
    def component(self) -> str:
        """What its events are about: its circuit's name, else its own."""
        circuit = self.layer("circuit")
        return getattr(circuit, "component", self.name)

    def layer(self, role: str) -> Layer | None:
        """Return the layer of that role, or None."""
        return next((layer for layer in self.layers if layer.role == role), None)

    def add(self, layer: Layer) -> Guard:
        """Return a guard with one layer more.

        Raises:
            DecorationError: it has a layer of that role.
        """
        if self.layer(layer.role) is not None:
            raise DecorationError(
                f"{self.name} has a {layer.role} layer already: give @{layer.role} once, with all "
                f"its arguments, or guard a function that calls this one"
            )
        layers = sorted((*self.layers, layer), key=lambda each: ORDER.index(each.role))
        return Guard(self.call, self.kind, tuple(layers), self.runtime)

    def build(self) -> Callable[..., Any]:
        """Return the guarded callable: a function for a function, else a proxy of the object."""
        run = self.call
        for layer in reversed(self.layers):
            run = layer.wrap(run, self)
        _runs[run] = self
        if not isinstance(self.call, FunctionType):
            proxy: Any = GuardedObject(self.call, self, run)
            return proxy  # type: ignore[no-any-return]
        update_wrapper(run, self.call)
        setattr(run, _ATTRIBUTE, self)
        _bare.add(self.call)
        return run

    def reduce(self, built: object) -> Any:
        """Return how to pickle the proxy `built`: by its name, else by what it is made of."""
        module = sys.modules.get(getattr(self.call, "__module__", None) or "")
        name = getattr(self.call, "__qualname__", "")
        if name and getattr(module, name, None) is built:
            return name
        return _rebuild, (self.call, self.layers, self.runtime)


def _rebuild(
    call: Callable[..., Any], layers: tuple[Layer, ...], runtime: object = None
) -> Callable[..., Any]:
    return _attached(Guard(call, kind_of(call), layers, runtime)).build()


def decorate(target: Any, layer: Layer, runtime: object = None) -> Any:
    """Return `target` with `layer` added to its guard.

    Args:
        target: what is guarded.
        layer: what its decorator adds.
        runtime: the ground of the decorator's system.

    Raises:
        DecorationError: nothing that can be guarded, or it has such a layer already.
    """
    if isinstance(target, classmethod | staticmethod):
        return type(target)(decorate(target.__func__, layer, runtime))
    _refuse_what_is_no_call(target, layer.role)
    guard = _own_guard(target) or Guard(target, kind_of(target), runtime=runtime)
    return _attached(guard.add(layer)).build()


def _attached(guard: Guard) -> Guard:
    for layer in guard.layers:
        layer.attach(guard)
    return guard


def guard_of(target: Any) -> Guard | None:
    """Return the guard of a guarded function, method or object, also behind other decorators."""
    if isinstance(target, classmethod | staticmethod):
        target = target.__func__
    for _ in range(_DEEPEST):
        found = getattr(target, _ATTRIBUTE, None)
        if isinstance(found, Guard):
            return found
        inner = getattr(target, "__wrapped__", None)
        if inner is None or inner is target:
            break
        target = inner
    return None


def layer_of(target: Any, role: str) -> Layer | None:
    """Return the layer of that role, also of a guarded function inside another guard."""
    guard = guard_of(target)
    if guard is None:
        return None
    return guard.layer(role) or layer_of(guard.call, role)


def guarded_runs(runtime: object) -> list[tuple[Callable[..., Any], Guard]]:
    """Return the guarded calls that were built on `runtime`, and are still held by somebody."""
    return [(run, guard) for run, guard in list(_runs.items()) if guard.runtime is runtime]


def guarded(target: Any) -> bool:
    """Tell whether a function, method or object has a guard, also behind other decorators."""
    return guard_of(target) is not None


def bypassed(target: Any) -> bool:
    """Tell whether `target` is a function as it was before somebody guarded it.

    Whoever holds it calls it without the guard: `@app.get` below `@circuit` does.
    """
    return guard_of(target) is None and target in _bare


def _own_guard(target: Any) -> Guard | None:
    """Return the guard only if `target` is what that guard built.

    `functools.wraps` copies our attribute on to other people's wrappers: their `__wrapped__` is
    the guarded function, ours is the function itself. A bound method shows its function's
    attributes, and takes other arguments.
    """
    if isinstance(target, MethodType) and not isinstance(target, GuardedObject):
        return None
    guard = getattr(target, _ATTRIBUTE, None)
    if isinstance(guard, Guard) and getattr(target, "__wrapped__", None) is guard.call:
        return guard
    return None


def _refuse_what_is_no_call(target: Any, role: str) -> None:
    if inspect.isclass(target):
        raise DecorationError(
            f"@{role} on the class {target.__qualname__}: decorate its methods, "
            f"or a function that makes it"
        )
    if isinstance(target, property):
        raise DecorationError(f"@{role} on a property: put it below @property, on the getter")
    if not callable(target):
        raise DecorationError(
            f"@{role} on {target!r}: give a function, a method or a callable object"
        )


def name_of(call: Any) -> str:
    """Return `module.qualname` of a function, or what a partial calls; else that of the type."""
    while isinstance(call, partial):
        call = call.func
    # Some objects have whatever attribute they are asked for: mocks, clients of remote procedures.
    named = call if isinstance(getattr(call, "__qualname__", None), str) else type(call)
    module = getattr(named, "__module__", None) or "builtins"  # `str.upper` has none
    return f"{module}.{named.__qualname__}"


def explain(target: Any) -> str:
    """Print, and return, the layers of a guarded function with the numbers in force.

    Each number says where it came from: default, decorator, settings, operator.

    Raises:
        ConfigurationError: it has no guard.
    """
    guard = guard_of(target)
    if guard is None:
        raise ConfigurationError(f"{target!r} has no guard: no decorator of resilience is on it")
    layers = list(guard.layers)
    while (guard_inside := guard_of(guard.call)) is not None:
        layers += guard_inside.layers
        guard = guard_inside
    lines = [f"{guard.name} ({guard.kind.value})"]
    for depth, layer in enumerate(layers):
        head, *numbers = layer.describe()
        indent = "  " * (depth + 1)
        lines.append(f"{indent}→ {head}")
        lines.extend(f"{indent}    {number}" for number in numbers)
    lines.append("  " * (len(layers) + 1) + "→ the call")
    text = "\n".join(lines)
    print(text)
    return text
