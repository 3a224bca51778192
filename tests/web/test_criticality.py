"""Marks on views, found wherever decorators have put them; and paths in the settings."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.views import MethodView

from resilience import ConfigurationError, DecorationError, System, critical, sheddable
from resilience.limits.load import Criticality
from resilience.settings import WebSettings
from resilience.web.criticality import criticality_by_path, criticality_of

CRITICAL, NORMAL, SHEDDABLE = Criticality.CRITICAL, Criticality.NORMAL, Criticality.SHEDDABLE


def logged(view: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate as others do."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper


def make_view() -> Callable[[], str]:
    """Return a view of its own."""

    def view() -> str:
        return "answer"

    return view


def test_a_view_without_a_mark_is_normal() -> None:
    """So is none at all."""
    assert criticality_of(make_view()) is NORMAL
    assert criticality_of(None) is NORMAL


def test_a_mark_leaves_the_view_as_it_is() -> None:
    """The same object, of either kind."""
    view = make_view()

    async def later() -> str:
        return "later"

    assert critical(view) is view
    assert sheddable(later) is later
    assert (criticality_of(view), criticality_of(later)) == (CRITICAL, SHEDDABLE)


def test_above_and_below_other_decorators() -> None:
    """As long as those are made with `functools.wraps`."""
    assert criticality_of(critical(logged(make_view()))) is CRITICAL
    assert criticality_of(logged(critical(make_view()))) is CRITICAL
    assert criticality_of(logged(logged(sheddable(logged(make_view()))))) is SHEDDABLE


def test_anywhere_among_our_own(system: System) -> None:
    """A guard is built anew from the function for each layer; the mark stays."""
    circuit, retry = system.circuit(), system.retry()
    orders: list[list[Callable[[Any], Any]]] = [
        [critical, circuit, retry], [circuit, critical, retry], [circuit, retry, critical],
    ]  # fmt: skip

    for order in orders:
        view: Any = make_view()
        for decorator in order:
            view = decorator(view)
        assert criticality_of(view) is CRITICAL
        assert view() == "answer"


def test_on_methods_static_methods_partials_and_objects() -> None:
    """Whatever a framework takes for a view."""

    class Views:
        @critical
        def method(self) -> None: ...

        @sheddable
        @staticmethod
        def static() -> None: ...

        def __call__(self) -> None: ...

    views = Views()
    assert criticality_of(views.method) is CRITICAL
    assert criticality_of(views.static) is SHEDDABLE
    assert criticality_of(critical(functools.partial(make_view()))) is CRITICAL
    assert criticality_of(functools.partial(critical(make_view()))) is CRITICAL
    assert criticality_of(sheddable(views)) is SHEDDABLE


def test_views_of_classes() -> None:
    """The class, one of its methods, or what `as_view` makes of it."""

    class Orders(MethodView):
        def get(self) -> str:
            return "orders"

        @critical
        def post(self) -> str:
            return "ordered"

    @sheddable
    class Extras(MethodView):
        def get(self) -> str:
            return "more"

    class Decorated(MethodView):
        decorators = [critical]  # noqa: RUF012 - as Flask has it

        def get(self) -> str:
            return "decorated"

    orders, extras = Orders.as_view("orders"), Extras.as_view("extras")
    assert (criticality_of(orders, "GET"), criticality_of(orders, "POST")) == (NORMAL, CRITICAL)
    assert criticality_of(extras, "GET") is SHEDDABLE
    assert criticality_of(Decorated.as_view("decorated"), "GET") is CRITICAL


def test_one_mark_only() -> None:
    """Critical and sheddable is neither; the same mark twice is no harm."""
    view = critical(critical(make_view()))

    with pytest.raises(DecorationError, match=r"@sheddable on .*view, which is @critical: give"):
        sheddable(logged(view))


@pytest.mark.parametrize("wrong", [None, "/orders", 3, property(lambda self: None)])
def test_what_is_no_view_is_refused(wrong: Any) -> None:
    """Such as arguments, of which there are none."""
    with pytest.raises(DecorationError, match=r"@critical on .* without arguments"):
        critical(wrong)


def test_what_takes_no_mark_is_refused() -> None:
    """A builtin belongs to everybody."""
    with pytest.raises(DecorationError, match=r"@sheddable on .*takes no mark"):
        sheddable(len)


def test_a_ring_of_wrappers_ends() -> None:
    """Whoever made it."""
    view: Any = make_view()
    view.__wrapped__ = view

    assert criticality_of(view) is NORMAL


def test_paths_in_the_settings() -> None:
    """Whole paths, by regular expressions; critical wins; what none matches is the view's."""
    web = WebSettings(critical=("/orders", "/pay/.*"), sheddable=("/pay/later", "(?i)/extras/.+"))
    paths = ["/orders", "/orders/7", "/pay/later", "/Extras/1", "/"]

    assert [criticality_by_path(web, path) for path in paths] == [
        *(CRITICAL, None, CRITICAL, SHEDDABLE, None)
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"critical": "/orders"}, "web: critical='/orders': give a list of regular expressions"),
        ({"critical": ["/orders(", "/x"]}, r"web: critical: '/orders\(' is no regular expression"),
        ({"sheddable": 7}, "web: sheddable=7: give a list"),
        ({"sheddable": [""]}, "web: sheddable='': give a printable text"),
        ({"sheddable": [7]}, "web: sheddable=7: give a printable text"),
        ({"shed_normal_at": "normal"}, "web: shed_normal_at='normal': give one of reduced"),
        ({"shed_sheddable_at": "minimum"}, "web: shed_sheddable_at='minimum': give one of"),
        ({"longest_wait": 0}, "web: longest_wait=0: give a number > 0"),
        ({"most_concurrent": 0}, "web: most_concurrent=0: give a whole number"),
        ({"shedding": "yes"}, "web: shedding='yes': give true or false"),
        ({"critcal": ["/x"]}, "unknown setting 'critcal'; did you mean 'critical'"),
    ],
)
def test_wrong_settings_are_refused_by_name(wrong: dict, said: str) -> None:
    """With what is allowed."""
    with pytest.raises(ConfigurationError, match=said):
        WebSettings.of(wrong)


def test_a_mark_above_the_route_is_found(system: System) -> None:
    """It is on the very function that was registered."""
    app = Flask("shop")

    @sheddable
    @app.get("/extras")
    def extras() -> str:
        return "more"

    assert criticality_of(app.view_functions["extras"], "GET") is SHEDDABLE
