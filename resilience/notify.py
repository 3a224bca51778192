"""Telling people: the log, a function of the app, or any service that Apprise speaks."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from resilience.core.checks import function
from resilience.core.names import did_you_mean, near
from resilience.errors import ConfigurationError

log = logging.getLogger("resilience")

LOG = "log"
NAMES = (
    "discord",
    "email",
    "mattermost",
    "opsgenie",
    "pagerduty",
    "phone",
    "slack",
    "sms",
    "teams",
    "telegram",
    "webhook",
)
"""Channels that an app may name before it says by `handler` what serves them."""

LONGEST = 500
"""Characters of an error that leave the process."""

Handler = Callable[[str, dict[str, Any]], Any]
Settle = Callable[[Any], Any]

_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")
_LOG_LEVELS = {"low": logging.WARNING, "medium": logging.WARNING}


@dataclass(frozen=True, slots=True)
class Message:
    """What people are told.

    Args:
        title: one line.
        text: all of it, without credentials.
        level: "low", "medium", "high" or "critical".
        context: what else is known, `dict[name, plain value]`.
    """

    title: str
    text: str
    level: str
    context: Mapping[str, Any]


class Channel(Protocol):
    """One way to people."""

    def send(self, message: Message) -> Any:
        """Tell them; may return something to await. Raises what goes wrong."""


class LogChannel:
    """The log: a warning, or an error where it matters more."""

    def send(self, message: Message) -> None:
        """Write the message."""
        log.log(_LOG_LEVELS.get(message.level, logging.ERROR), "%s", message.text)


class HandlerChannel:
    """A function of the app.

    Args:
        handler: called `handler(text, context)`; sync or async.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def send(self, message: Message) -> Any:
        """Call the function."""
        return self._handler(message.text, dict(message.context))


class AppriseChannel:
    """A service that Apprise speaks, such as `slack://…`, `pagerduty://…`, `mailto://…`.

    Args:
        url: as Apprise documents it; it holds secrets, and is never shown.

    Raises:
        ConfigurationError: Apprise does not understand it, or is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            import apprise
        except ImportError:
            raise ConfigurationError(
                f'channel {hidden(url)!r} needs Apprise: pip install "resilience-web[notify]"'
            ) from None
        service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if service is None:
            raise ConfigurationError(
                f"channel {hidden(url)!r}: Apprise cannot make anything of this URL; see "
                f"https://github.com/caronc/apprise/wiki for how each service writes it"
            )
        self._service = service
        self._name = hidden(url)

    def send(self, message: Message) -> None:
        """Hand the message to the service.

        Raises:
            RuntimeError: it was not taken.
        """
        kind = "failure" if message.level in ("high", "critical") else "warning"
        if not self._service.notify(title=message.title, body=message.text, notify_type=kind):
            raise RuntimeError(f"{self._name} did not take the message")


class Channels:
    """The channels of one escalation: what is sent goes to each, and none hurts another.

    Args:
        names: "log", Apprise URLs, or names that handlers serve: those of `NAMES`, and of
            `handlers`.
        handlers: `{name: handler}`.

    Raises:
        ConfigurationError: an unknown name, a URL that Apprise does not understand, a handler
            that is no function.
    """

    def __init__(self, names: Iterable[str], handlers: Mapping[str, Handler] | None = None) -> None:
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise ConfigurationError(f"channels={names!r}: give a list of channels")
        self._handlers = dict(handlers or {})
        for name, handler in self._handlers.items():
            function(f"handler {name!r}", handler, 2)
        self._by_name: dict[str, Channel | None] = {}
        for name in names:
            self._by_name[name] = self._made(name)
        if not self._by_name:
            raise ConfigurationError('channels=[]: give at least one, such as "log"')

    @property
    def names(self) -> tuple[str, ...]:
        """What it tells, without secrets."""
        return tuple(hidden(name) for name in self._by_name)

    def expect(self, name: str) -> None:
        """Refuse the name of a channel that no handler can serve.

        Raises:
            ConfigurationError: it is none of the channels, or serves itself.
        """
        served = [each for each in self._by_name if "://" not in each and each != LOG]
        if name not in served:
            raise ConfigurationError(
                f"handler for {name!r}, which is no channel here that needs one"
                f"{did_you_mean(name, served)}"
            )

    def serve(self, name: str, handler: Handler) -> None:
        """Let a handler serve a channel.

        Raises:
            ConfigurationError: it is none of the channels, or the handler is no function.
        """
        self.expect(name)
        self._by_name[name] = HandlerChannel(function(f"handler {name!r}", handler, 2))

    def send(self, message: Message, settle: Settle) -> int:
        """Send to every channel; where none took it, to the log. Returns how many took it.

        Args:
            message: what to say.
            settle: awaits what async handlers return.
        """
        taken = sum(self._sent(name, message, settle) for name in tuple(self._by_name))
        if not taken:
            LogChannel().send(message)
        return taken

    def _sent(self, name: str, message: Message, settle: Settle) -> bool:
        channel = self._by_name[name]
        if channel is None:
            log.error("channel %r has no handler: %s", name, message.title)
            return False
        try:
            answer = channel.send(message)
            if hasattr(answer, "__await__"):
                settle(answer)
        except Exception as error:
            log.error("channel %r failed: %s", hidden(name), shortened(error))
            return False
        return True

    def _made(self, name: Any) -> Channel | None:
        if not isinstance(name, str):
            raise ConfigurationError(f"channel {name!r}: give a text")
        if name == LOG:
            return LogChannel()
        if "://" in name:
            return AppriseChannel(name)
        if name in self._handlers:
            return HandlerChannel(self._handlers[name])
        if name in NAMES:
            return None  # `serve` is to follow
        known = [LOG, *NAMES, *self._handlers]
        close = near(name, known)
        meant = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise ConfigurationError(
            f"unknown channel {name!r}{meant or did_you_mean(name, known)}; an Apprise URL "
            f"(slack://…) serves as well, and handlers={{{name!r}: …}} makes it known"
        )


def hidden(name: str) -> str:
    """Return a channel's name; of a URL only its scheme, for the rest is secret."""
    scheme, separator, _ = name.partition("://")
    return f"{scheme}://…" if separator else name


def tellable(error: object) -> BaseException | str:
    """Return `error` if it can be told.

    Raises:
        ConfigurationError: it is neither an exception nor words.
    """
    if isinstance(error, BaseException | str):
        return error
    raise ConfigurationError(f"error={error!r}: give an exception, or words")


def shortened(error: BaseException | str) -> str:
    """Return an error in one line of at most 500 characters, without credentials of URLs."""
    if isinstance(error, BaseException):
        try:
            text = f"{type(error).__name__}: {error}"
        except Exception:  # other people's `__str__`
            text = type(error).__name__
    else:
        text = error
    line = _CREDENTIALS.sub("…@", " ".join(text.split())).rstrip(": ")
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
