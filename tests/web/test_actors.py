"""Nobody is let in by mistake."""

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.exceptions import Unauthorized

from resilience.web.actors import actor_of


async def coroutine(request: Any) -> str:
    """Name an actor, once awaited."""
    return "ops"


@pytest.mark.parametrize("actor", ["ops", 7, SimpleNamespace(is_authenticated=True), ["ops"]])
def test_who_is_named_is_let_in(actor: object) -> None:
    """Whatever stands for them."""
    assert actor is actor_of(lambda _: actor, "request")


@pytest.mark.parametrize("actor", [None, False, "", 0, (), SimpleNamespace(is_authenticated=False)])
def test_nobody_is_not_let_in(actor: object) -> None:
    """False answers, and the anonymous user objects of login extensions."""
    assert actor_of(lambda _: actor, "request") is None


def test_without_authorize_there_is_nobody() -> None:
    """Details are opt-in."""
    assert actor_of(None, "request") is None


def test_a_coroutine_is_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """It would be true whatever it came to; it is closed and said."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert actor_of(coroutine, "request") is None

    assert "returned a coroutine" in caplog.text


def test_a_failure_is_nobody_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A lost user database lets nobody in."""
    assert actor_of(lambda _: 1 // 0, "request") is None
    assert "authorize failed" in caplog.text


def test_an_abort_is_a_plain_no(caplog: pytest.LogCaptureFixture) -> None:
    """`abort(401)` means what it says, and is nothing to log."""

    def refuse(request: object) -> None:
        raise Unauthorized

    assert actor_of(refuse, "request") is None
    assert not caplog.records


def test_an_interruption_passes() -> None:
    """A worker that is told to exit exits."""

    def leave(request: object) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        actor_of(leave, "request")
