"""Import the installed wheel and assert what came with it, and what did not."""

import importlib.metadata
import sys
from importlib.resources import files

import resilience

FRAMEWORKS = ("flask", "django", "starlette", "fastapi")
DISTRIBUTIONS = {"resilience-web", "blinker", "wrapt", "pip", "setuptools"}
CARRIED = (
    "py.typed",
    "pytest_plugin.py",
    "_examples/django_shop/settings.py",
    "_examples/flaky_upstream/__main__.py",
    "_examples/flask_shop/factory.py",
    "_examples/starlette_shop/factory.py",
    "_examples/storefront/templates/shelf.html",
    "_examples/storefront/static/shop.css",
)

loaded = [name for name in FRAMEWORKS if name in sys.modules]
assert not loaded, f"import resilience loaded {loaded}"

points = importlib.metadata.distribution("resilience-web").entry_points.select(group="pytest11")
plugins = {(each.name, each.value) for each in points}
assert plugins == {("resilience", "resilience.pytest_plugin")}, f"pytest finds {plugins}"

installed = {found.metadata["Name"].lower() for found in importlib.metadata.distributions()}
assert installed <= DISTRIBUTIONS, f"more than the core dependencies: {installed - DISTRIBUTIONS}"

root = files("resilience")
missing = [name for name in CARRIED if not root.joinpath(name).is_file()]
assert not missing, f"the wheel lacks {missing}"
assert "site-packages" in str(resilience.__file__), resilience.__file__

print(f"The wheel of {importlib.metadata.version('resilience-web')} imports without a framework")
