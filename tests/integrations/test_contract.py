"""The contract, against every site of every framework that is installed."""

from importlib import import_module
from pathlib import Path

import pytest

from tests.integrations.chaos_contract import ChaosContract
from tests.integrations.contract import Site, Sites, WebContract
from tests.integrations.dashboard_contract import DashboardContract
from tests.integrations.health_contract import HealthContract
from tests.integrations.metrics_contract import MetricsContract
from tests.integrations.overload_contract import OverloadContract

FRAMEWORKS = sorted(each.stem for each in Path(__file__).parent.glob("*_site.py"))


def all_sites() -> Sites:
    """Return what makes each site there is; a framework that is not installed has none."""
    found: Sites = {}
    for name in FRAMEWORKS:
        try:
            found |= import_module(f"tests.integrations.{name}").SITES
        except ModuleNotFoundError as error:
            if error.name != name.removesuffix("_site"):
                raise
    return found


SITES = all_sites()


class TestContract(
    WebContract, OverloadContract, HealthContract, DashboardContract, ChaosContract, MetricsContract
):
    """The contract: answers, overload, health, dashboard, experiments on routes, metrics."""

    @pytest.fixture(params=list(SITES.values()), ids=list(SITES))
    def site(self, request: pytest.FixtureRequest) -> Site:
        """Give each site in turn."""
        made: Site = request.param()
        return made
