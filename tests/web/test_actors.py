"""Nobody is let in by mistake."""

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response

from resilience import ConfigurationError
from resilience.web.actors import actor_of, bearer, checked, name_of


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


class Nameless:
    """Somebody whose name is not to be had."""

    def __str__(self) -> str:
        raise LookupError("no such user")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response(status=302), "returned a response"),
        ((each for each in "ops"), "returned a generator"),
        (" ", "without a name"),
        (Nameless(), "no such user"),
    ],
)
def test_what_names_nobody_is_nobody(
    answer: object, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A redirect to the login is true, and is no operator."""
    assert actor_of(lambda _: answer, "request") is None
    assert said in caplog.text


@pytest.mark.parametrize("authorize", ["ops", lambda: "ops", lambda request, app: "ops"])
def test_what_cannot_be_asked_is_refused(authorize: object) -> None:
    """When it is given, not at the first request of an incident."""
    with pytest.raises(ConfigurationError, match="give a function of the request"):
        checked(authorize)


@pytest.mark.parametrize("authorize", [coroutine, lambda *_: None, print])
def test_what_can_be_asked_is_kept(authorize: object) -> None:
    """Whatever takes one thing."""
    assert checked(authorize) is authorize


TOKEN = "a token of 16 characters or more"


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ({"ops": "short"}, "has 5 characters"),
        ({"ops": TOKEN.encode()}, "is bytes"),
        ({"ops": None}, "is NoneType"),
        ({"ops": " " * 16}, "cannot be sent"),
        ({"ops": f"{TOKEN}\n"}, "cannot be sent"),
        ({"ops": f"{TOKEN}é"}, "cannot be sent"),
        ({"ops": TOKEN, "eve": TOKEN}, "the same token"),
        ({}, "at least one"),
    ],
)
def test_a_token_that_tells_nobody_is_refused(tokens: Any, said: str) -> None:
    """It would never be recognised, or be somebody else's."""
    with pytest.raises(ConfigurationError, match=said):
        bearer(tokens)


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


class User:
    """A user as Django has them."""

    def get_username(self) -> str:
        """Return the name."""
        return "grace"


@pytest.mark.parametrize(
    ("actor", "name"), [("ada", "ada"), (User(), "grace"), (7, "7"), ("a\nb\ud800", "a?b?")]
)
def test_an_actor_has_a_name(actor: object, name: str) -> None:
    """Whatever `authorize` returned."""
    assert name_of(actor) == name
