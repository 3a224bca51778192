"""The views that apps serve their routes with: where each is kept, so that it can be exchanged.

Nothing is looked at while a request is served; whoever asks goes through the apps' own routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

Call = Callable[..., Any]
Wrap = Callable[[Call], Call]

_exchanged: WeakSet[Call] = WeakSet()


def wrapped(call: Call, wrap: Wrap) -> Call:
    """Return a view as `wrap` makes of it, with what frameworks have noted on it."""
    return update_wrapper(wrap(call), call)


@dataclass(frozen=True, slots=True)
class View:
    """One route of an app, and what serves it.

    Args:
        route: its template, as the app's integration tells it of requests.
        call: what serves it, as the app's author registered it.
        get: returns what serves it now, as the framework calls it.
        put: lets the framework call something else.
        wrapped: `wrapped(served, wrap)` returns what is put in place of `served`, the view in it
            as `wrap` makes of it: a function, of whatever the framework tells its views.
    """

    route: str
    call: Call
    get: Callable[[], Call]
    put: Callable[[Call], None]
    wrapped: Callable[[Call, Wrap], Call] = wrapped

    def exchange(self, wrap: Wrap) -> Callable[[], None]:
        """Let it be served as `wrap` makes of it; returns what ends that.

        Raises:
            ValueError: somebody has exchanged it already.
        """
        before = self.get()
        if before in _exchanged:
            raise ValueError(f"the view of {self.route} is exchanged already")
        made = self.wrapped(before, wrap)
        _exchanged.add(made)
        self.put(made)
        return lambda: self.put(before)


class Views:
    """The views of the apps that belong to a system; it keeps no app alive."""

    def __init__(self) -> None:
        self._sources: WeakKeyDictionary[Any, Callable[[Any], Iterable[View]]] = WeakKeyDictionary()

    def add(self, app: Any, views_of: Callable[[Any], Iterable[View]]) -> None:
        """Know the views of an app, from now on.

        Args:
            app: whose they are.
            views_of: takes the app, returns them as they are when somebody asks.
        """
        self._sources[app] = views_of

    def __iter__(self) -> Iterator[View]:
        for app, views_of in list(self._sources.items()):
            yield from views_of(app)
