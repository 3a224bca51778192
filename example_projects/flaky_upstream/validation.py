"""Checks of what a client sent: one kind of error, which names the field and what is allowed."""

from collections.abc import Collection, Iterable, Mapping


class InvalidFieldError(ValueError):
    """A field of a request's JSON body is wrong, missing or unknown."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} is {value!r}; allowed: {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed

    def document(self) -> dict[str, object]:
        """Return what the client is told, as a JSON document."""
        return {
            "error": str(self),
            "field": self.field,
            "value": self.value,
            "allowed": self.allowed,
        }


def an_object(document: object, fields: Collection[str]) -> Mapping[str, object]:
    """Return `document` if it is a JSON object that has no other than these fields."""
    if not isinstance(document, dict):
        raise InvalidFieldError("body", document, f"an object with {', '.join(fields)}")
    for field in document:
        if field not in fields:
            raise InvalidFieldError(field, document[field], f"no such field: {', '.join(fields)}")
    return document


def one_of(field: str, value: object, choices: Iterable[str]) -> str:
    """Return `value` if it is one of the choices."""
    listed = tuple(choices)
    if not isinstance(value, str) or value not in listed:
        raise InvalidFieldError(field, value, f"one of {', '.join(listed)}")
    return value


def a_number(field: str, value: object, low: float, high: float) -> float:
    """Return `value` as a float if it is a number from `low` to `high`."""
    # True is an int in Python, but no number in JSON; NaN compares false and so is refused.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise InvalidFieldError(field, value, f"a number from {low:g} to {high:g}")
    return float(value)


def an_integer(field: str, value: object, low: int, high: int) -> int:
    """Return `value` if it is an integer from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidFieldError(field, value, f"an integer from {low} to {high}")
    return value
