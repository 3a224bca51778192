"""The pytest plugin in users' suites."""

import json
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.plugin.suites import pytest_in, suite

FIXTURES = """
    import asyncio
    import pytest
    from resilience import CircuitOpenError, Error, Outage, circuit, explain, system
    from shop import pay, prices, rates

    def test_time_is_in_hand(resilience):
        assert resilience is system
        resilience.circuits["bank"].force_open("a drill", "me", for_=60)
        with pytest.raises(CircuitOpenError):
            pay()
        resilience.clock.advance(61)
        assert pay() == "paid"

    def test_nothing_is_left_of_it(resilience):
        assert resilience.circuits["bank"].snapshot().calls == 0
        before = resilience.clock.monotonic()
        assert resilience.clock.monotonic() == before

    def test_a_circuit_is_open(circuit_open):
        circuit_open("prices")
        assert prices() == []
        with circuit_open("bank"):
            with pytest.raises(CircuitOpenError):
                pay()
        assert pay() == "paid"

    def test_it_is_closed_again():
        assert prices() == [3, 5]

    def test_faults_hit(faults, events):
        fault = faults(Outage(), "prices")
        for _ in range(2):
            assert prices() == []
        assert (fault.seen, fault.hit) == (2, 2)
        assert [each.type for each in events if each.component == "prices"][-1] == "fallback_used"
        assert "circuit_opened" in [each.type for each in events]

    def test_faults_are_gone():
        assert prices() == [3, 5]

    @pytest.mark.chaos(Error(TimeoutError), "bank")
    def test_a_marker_hits():
        with pytest.raises(TimeoutError):
            pay()

    @pytest.mark.chaos("outage", "rates")
    def test_async_code_is_hit_too():
        with pytest.raises(ConnectionError):
            asyncio.run(rates())

    @pytest.mark.resilience(off=True)
    def test_guards_are_off():
        system.circuits["bank"].force_open("a drill", "me")
        assert pay() == "paid"

    def test_guards_are_on_again(circuit_open):
        circuit_open("bank")
        with pytest.raises(CircuitOpenError):
            pay()

    @pytest.mark.parametrize("threshold", [1, 2])
    def test_circuits_of_a_test_are_its_own(threshold):
        @circuit("mine", failure_threshold=threshold)
        def mine():
            raise KeyError

        with pytest.raises(KeyError):
            mine()
        assert (system.circuits["mine"].state == "open") is (threshold == 1)

    def test_an_unknown_circuit_says_near_ones(circuit_open):
        with pytest.raises(KeyError, match="did you mean 'prices'"):
            circuit_open("pricse")
"""


def test_fixtures_and_markers_do_what_they_say(tmp_path: Path) -> None:
    """And leave nothing behind, whatever the order, in one process or two."""
    folder = suite(tmp_path, test_shop=FIXTURES)

    done = pytest_in(folder)
    spread = pytest_in(folder, "-n", "2", "--dist", "loadfile")

    assert "13 passed" in done.stdout, done.stdout
    assert "13 passed" in spread.stdout, spread.stdout


def test_one_test_alone_finds_what_all_find(tmp_path: Path) -> None:
    """The last one first, and the first last."""
    folder = suite(tmp_path, test_shop=FIXTURES)
    names = (
        "test_an_unknown_circuit_says_near_ones", "test_it_is_closed_again",
        "test_a_circuit_is_open", "test_nothing_is_left_of_it", "test_time_is_in_hand",
    )  # fmt: skip

    done = pytest_in(folder, *(f"test_shop.py::{name}" for name in names))

    assert "5 passed" in done.stdout, done.stdout


ASYNC = """
    import pytest
    from resilience import CircuitOpenError, Outage
    from shop import rates

    pytestmark = pytest.mark.{mark}

    async def test_a_circuit_is_open(circuit_open, resilience):
        circuit_open("rates")
        with pytest.raises(CircuitOpenError):
            await rates()
        resilience.circuits["rates"].release()
        assert await rates() == 1.5

    @pytest.mark.chaos(Outage(), "rates")
    async def test_a_marker_hits():
        with pytest.raises(ConnectionError):
            await rates()
"""


@pytest.mark.parametrize(
    ("mark", "options"),
    [("anyio", ()), ("asyncio", ("-p", "pytest_asyncio.plugin", "-W", "ignore"))],
)
def test_async_tests_work(tmp_path: Path, mark: str, options: tuple[str, ...]) -> None:
    """With the plugins that run them."""
    backend = "import pytest\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n"
    folder = suite(tmp_path, test_rates=ASYNC.format(mark=mark), conftest=backend)

    done = pytest_in(folder, *options)

    assert "2 passed" in done.stdout, done.stdout + done.stderr


DJANGO = """
    import pytest
    from django.http import HttpResponse
    from django.urls import path
    from shop import pay

    urlpatterns = [path("pay", lambda request: HttpResponse(pay()))]

    @pytest.mark.urls(__name__)
    def test_a_view_is_refused(client, circuit_open, settings):
        assert client.get("/pay").content == b"paid"
        circuit_open("bank")
        answer = client.get("/pay")
        assert (answer.status_code, answer["retry-after"] != "") == (503, True)
"""
SETTINGS = """
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["resilience_django"]
MIDDLEWARE = ["resilience_django.middleware.ResilienceMiddleware"]
ROOT_URLCONF = "test_views"
USE_TZ = True
"""


def test_it_works_beside_pytest_django(tmp_path: Path) -> None:
    """A Django test client meets an open circuit."""
    folder = suite(tmp_path, test_views=DJANGO, project=SETTINGS)
    # The last word on a plugin wins: `suites` switches it off.
    done = pytest_in(folder, "-p", "pytest_django.plugin", "--ds=project", "-W", "ignore")

    assert "1 passed" in done.stdout, done.stdout + done.stderr


SHOP_TESTS = """
    import asyncio
    import pytest
    from shop import pay, prices, rates

    def test_prices_are_shown():
        assert isinstance(prices(), list)

    def test_an_order_is_paid():
        assert pay() == "paid"

    def test_rates():
        assert asyncio.run(rates()) == 1.5

    def test_nothing_is_called():
        assert True
"""


def test_a_suite_under_faults_says_what_has_no_fallback(tmp_path: Path) -> None:
    """All of it fails, once; the suite itself does not."""
    folder = suite(tmp_path, test_shop=SHOP_TESTS)
    report = tmp_path / "report.json"

    done = pytest_in(
        folder, "--resilience-chaos=7", "--resilience-chaos-share=1",
        f"--resilience-chaos-report={report}",
    )  # fmt: skip

    told = json.loads(report.read_text())
    assert done.returncode == 0, done.stdout
    assert (told["seed"], told["tests"], told["met"], told["held"]) == (7, 4, 3, 1)
    fell = {each["test"]: each["faults"][0]["function"] for each in told["fell"]}
    assert fell == {
        "test_shop.py::test_an_order_is_paid": "shop.pay",
        "test_shop.py::test_rates": "shop.rates",
    }
    assert "4 tests, 3 of them met faults: 1 held, 2 fell" in done.stdout
    assert "shop.pay (" in done.stdout
    assert "has no fallback" in done.stdout


AGAIN = """
    import unittest
    import pytest
    from shop import pay, prices

    @pytest.fixture(scope="module")
    def shop():
        return []

    @pytest.fixture
    def basket(shop):
        shop.append("a basket")
        yield []
        shop.pop()

    def test_it_is_wrong_itself(basket):
        assert prices() == ["seven"]

    def test_fixtures_are_fresh(basket, shop, tmp_path):
        basket.append("tea")
        (tmp_path / "order").touch(exist_ok=False)
        assert (basket, shop) == (["tea"], ["a basket"])
        assert pay() == "paid"

    def test_circuits_are_closed_again():
        for _ in range(2):
            with pytest.raises(OSError):
                pay()
        pay()

    class TestOld(unittest.TestCase):
        def setUp(self):
            self.basket = []

        def test_it(self):
            self.basket.append("tea")
            assert self.basket == ["tea"]
            pay()

        def test_parts(self):
            for number in range(2):
                with self.subTest(number=number):
                    pay()
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "spread"])
def test_a_test_that_fell_runs_again_without_faults(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """On fresh fixtures, with closed circuits: what fails then, too, is a failure of the suite."""
    folder, report = suite(tmp_path, test_shop=AGAIN), tmp_path / "report.json"
    chaos = ("--resilience-chaos=7", "--resilience-chaos-share=1")

    done = pytest_in(folder, *chaos, f"--resilience-chaos-report={report}", *options)

    told = json.loads(report.read_text())
    wrong = "test_shop.py::test_circuits_are_closed_again", "test_shop.py::test_it_is_wrong_itself"
    assert (done.returncode, tuple(told["wrong"])) == (1, wrong), done.stdout
    assert [each["test"] for each in told["fell"]] == [
        "test_shop.py::TestOld::test_it", "test_shop.py::TestOld::test_parts",
        "test_shop.py::test_fixtures_are_fresh",
    ]  # fmt: skip
    assert "assert [3, 5] == ['seven']" in done.stdout
    assert "DID NOT RAISE" in done.stdout  # it asks for trouble, and there is none any more
    assert "5 tests, 5 of them met faults: 0 held, 3 fell, 2 fail without them, too" in done.stdout


def test_the_same_seed_gives_the_same_faults(tmp_path: Path) -> None:
    """In any order, and in two processes; another one gives others."""
    folder = suite(tmp_path, test_shop=SHOP_TESTS)

    def fell(name: str, *options: str) -> list[str]:
        report = tmp_path / f"{name}.json"
        pytest_in(folder, *options, f"--resilience-chaos-report={report}")
        return [each["test"] for each in json.loads(report.read_text())["fell"]]

    names = [f"test_shop.py::{name}" for name in ("test_rates", "test_an_order_is_paid")]
    runs = {
        seed: fell(f"seed{seed}", f"--resilience-chaos={seed}", *names) for seed in (1, 2, 3, 4)
    }
    spread = fell("spread", "--resilience-chaos=2", "-n", "2")
    turned = fell("turned", "--resilience-chaos=2", *names[::-1])

    assert runs[2] == spread == turned
    assert len({tuple(each) for each in runs.values()}) > 1


@pytest.mark.parametrize(
    ("line", "options", "expected"),
    [
        ("@pytest.mark.chaos('outage')", (), "target"),
        ("@pytest.mark.chaos('outgae', 'bank')", (), "did you mean 'outage'"),
        ("@pytest.mark.chaos('outage', 'bank', often=True)", (), "does not take often"),
        ("@pytest.mark.chaos('outage', 'bank', share=2)", (), "share"),
        ("@pytest.mark.resilience(on=True)", (), "off=True or off=False"),
        ("", ("--resilience-chaos=x",), "invalid int value: 'x'"),
        ("", ("--resilience-chaos=1", "--resilience-chaos-share=0"), "above 0 and up to 1"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    tmp_path: Path, line: str, options: tuple[str, ...], expected: str
) -> None:
    """By the test's name, and with what is allowed."""
    text = f"import pytest\n{line}\ndef test_it(): pass\n"

    done = pytest_in(suite(tmp_path, test_it=text), *options)

    assert done.returncode == 4, done.stdout
    assert expected in done.stdout + done.stderr


def test_the_shops_own_suites_run_under_faults(tmp_path: Path) -> None:
    """In all three frameworks: pages without extras stay, payments have no fallback."""
    root = Path(__file__).parents[2]
    report = tmp_path / "report.json"

    done = pytest_in(
        root, "--resilience-chaos=7", "--resilience-chaos-share=1", "-k", "browser or markup",
        f"--resilience-chaos-report={report}", "tests/examples/test_shops.py",
        "-p", "pytest_django.plugin", "-p", "pytest_timeout",
    )  # fmt: skip

    told = json.loads(report.read_text())
    assert done.returncode == 0, done.stdout
    met = {fault["function"].partition("_")[0] for each in told["fell"] for fault in each["faults"]}
    assert met == {"django", "flask", "starlette"}


def test_it_is_loaded_by_itself() -> None:
    """As an entry point of the distribution."""
    points = distribution("resilience-web").entry_points.select(group="pytest11")

    assert [(each.name, each.value) for each in points] == [
        ("resilience", "resilience.pytest_plugin")
    ]
