"""Guarded calls that repeat, one inside another: only the outermost repeats.

Else three attempts around three make nine. An inner call finds the outer one's frame above its
own, or, when it runs in a task or thread that the outer one started, in the context it got from
there. Only coroutines can leave their frames behind by themselves, so only they always pay for a
context variable.
"""

from __future__ import annotations

import sys
from contextvars import Context, ContextVar, copy_context
from types import CodeType, FrameType

Scope = list[bool]
"""Not empty while the attempts of the call that began it run.

It is emptied and not taken away: what the call left running still has it in its context, and may
repeat its own calls from then on.
"""

_scope: ContextVar[Scope | None] = ContextVar("resilience_retry", default=None)
_outer: set[CodeType] = set()  # of functions that repeat, as frames show it

current = _scope.get
"""Return the scope of the context; None: there never was one."""

enter = _scope.set
"""Set the scope of the context."""


def known_by_frame(code: CodeType) -> None:
    """Take every frame of this code for a call that repeats."""
    _outer.add(code)


def is_inside(frame: FrameType | None, own: Scope | None = None) -> bool:
    """Tell whether a call that repeats is around this one.

    Args:
        frame: what made the call.
        own: the scope that the call itself began.
    """
    found = _scope.get()
    if found and found is not own:
        return True
    while frame is not None:
        if frame.f_code in _outer:
            return True
        frame = frame.f_back
    return False


def context_for_thread() -> Context:
    """Return a copy of the present context for work on another thread.

    There nobody sees the frames of the calls around it: the copy tells of them.
    """
    context = copy_context()
    if _outer and not _scope.get() and is_inside(sys._getframe(1)):
        context.run(_scope.set, [True])
    return context
