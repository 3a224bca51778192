"""Which errors are failures that something is to be done about."""

from __future__ import annotations

from typing import Any

from resilience.core.classify import as_matcher, is_client_error, matches, says_nothing


class Trigger:
    """Tells failures from rejections, interruptions and answers.

    Args:
        on: the failures meant: exception types, or a predicate.
        ignore: those not meant; beats `on`.

    Raises:
        ConfigurationError: one is neither.
    """

    __slots__ = ("ignore", "on")

    def __init__(self, on: Any = Exception, ignore: Any = ()) -> None:
        self.on = as_matcher("on", on)
        self.ignore = as_matcher("ignore", ignore)

    def fires(self, error: BaseException) -> bool:
        """Tell whether this is one of the failures meant.

        A `Rejected` is none: the call was not made. Nor is a deadline that says nothing about the
        thing called, or a framework's own answer below 500.
        """
        if says_nothing(error) or is_client_error(error):
            return False
        if matches(self.ignore, error, if_broken=False):
            return False
        return matches(self.on, error, if_broken=False)
