"""OpenFeature: our features through its client, and any provider's flags as their settings."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from resilience import ConfigurationError, Feature, System, explain
from resilience.telemetry.openfeature import ResilienceProvider
from resilience.testing import ManualClock


@pytest.fixture(autouse=True)
def _own_providers() -> Iterator[None]:
    """Leave no provider to other tests."""
    yield
    api.clear_providers()


# -- as a provider -----------------------------------------------------------------------------


@pytest.fixture
def client(system: System) -> OpenFeatureClient:
    """Give a client of the system's features `search` and `reviews`."""
    system.degradation.add(Feature("search", capability={"reduced": 40.5}, off_at="minimal"))
    system.degradation.add(Feature("reviews", rollout=30))
    api.set_provider_and_wait(ResilienceProvider(system.degradation), "ours")
    return api.get_client("ours")


def test_a_boolean_is_whether_it_is_on(client: OpenFeatureClient, system: System) -> None:
    """With the reason in OpenFeature's words, and how much is left."""
    on = client.get_boolean_details("search", False)
    system.degradation.degrade("minimal", "drill")
    off = client.get_boolean_details("search", True)

    assert (on.value, on.reason, on.error_code) == (True, Reason.STATIC, None)
    assert (off.value, off.reason, off.error_code) == (False, Reason.DISABLED, None)
    assert off.flag_metadata == {"capability": 0.0, "rollout": 100.0, "cause": "level"}


def test_the_targeting_key_is_the_key(client: OpenFeatureClient, system: System) -> None:
    """The same keys have it as everywhere else."""
    for number in range(100):
        context = EvaluationContext(targeting_key=f"user {number}")
        details = client.get_boolean_details("reviews", False, context)

        assert details.value == system.degradation.enabled("reviews", key=f"user {number}")
        assert details.reason == Reason.SPLIT


def test_numbers_and_objects_are_what_is_left(client: OpenFeatureClient, system: System) -> None:
    """In percent; whole ones are rounded down."""
    system.degradation.degrade("reduced", "drill")

    assert client.get_integer_value("search", -1) == 40
    assert client.get_float_value("search", -1.0) == 40.5
    context = EvaluationContext(targeting_key="ada")
    found = client.get_object_value("search", {}, context)
    expected = system.degradation.enabled("search", key="ada")
    assert found == {"enabled": expected, "capability": 40.5, "rollout": 100.0}


@pytest.mark.parametrize(
    ("name", "error"), [("search", ErrorCode.TYPE_MISMATCH), ("typo", ErrorCode.FLAG_NOT_FOUND)]
)
def test_what_cannot_be_answered_is_the_default(
    client: OpenFeatureClient, name: str, error: ErrorCode
) -> None:
    """With its error; nothing is raised."""
    details = client.get_string_details(name, "default")

    assert (details.value, details.error_code, details.reason) == ("default", error, Reason.ERROR)


@pytest.mark.parametrize("default", [True, False])
def test_an_unknown_feature_is_the_default(client: OpenFeatureClient, default: bool) -> None:
    """For every kind of flag."""
    details = client.get_boolean_details("typo", default)

    assert (details.value, details.error_code) == (default, ErrorCode.FLAG_NOT_FOUND)
    assert client.get_integer_details("typo", 3).value == 3
    assert client.get_float_details("typo", 3.5).value == 3.5
    assert client.get_object_details("typo", {"a": 1}).value == {"a": 1}


def test_async_code_asks_the_same(client: OpenFeatureClient) -> None:
    """The SDK has methods of its own for it."""
    assert asyncio.run(client.get_boolean_value_async("search", False)) is True


def test_readers_hear_of_changes(client: OpenFeatureClient, system: System) -> None:
    """Until the provider is shut down."""
    heard: list[EventDetails] = []
    client.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, heard.append)

    system.degradation.kill("search", "broken")
    assert [(each.provider_name, each.flags_changed) for each in heard] == [
        ("resilience", ["search"])
    ]
    api.shutdown()
    system.degradation.release("search")
    assert len(heard) == 1


# -- as a consumer -----------------------------------------------------------------------------


class Service(InMemoryProvider):
    """A flag service that can be changed, and be down."""

    def __init__(self) -> None:
        super().__init__({})
        self.down = False

    def say(self, **flags: Any) -> None:
        """Have these flags, and no others."""
        self._flags = {
            name.replace("_", "-"): InMemoryFlag("it", {"it": value})
            for name, value in flags.items()
        }

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Answer, unless it is down."""
        if self.down:
            raise ProviderNotReadyError("no answer")
        return super().resolve_boolean_details(flag_key, default_value, evaluation_context)


@pytest.fixture
def service() -> Service:
    """Give a flag service behind the domain "theirs"."""
    service = Service()
    api.set_provider_and_wait(service, "theirs")
    return service


def look(system: System) -> None:
    """Let the time of a look come, and look."""
    clock: Any = system.runtime.clock
    clock.advance(15)
    system.tick()


def test_flags_become_settings(system: System, service: Service) -> None:
    """A boolean switches, a number rolls out; what there is no flag for stays as it is."""

    @system.feature("new-search", enabled=False, otherwise="old")
    def call() -> str:
        return "new"

    system.degradation.add(Feature("reviews"))
    system.degradation.add(Feature("untold", priority=100))
    service.say(new_search=True, reviews=20.0)

    system.degradation.follow(api.get_client("theirs"))
    assert call() == "old"
    look(system)

    assert call() == "new"
    assert "enabled = True  (openfeature)" in explain(call)
    with_it = sum(system.degradation.enabled("reviews", key=each) for each in range(1000))
    assert 150 < with_it < 250
    assert system.degradation.capability("untold") == 100


def test_a_changed_flag_changes_it_and_a_gone_one_says_nothing(
    system: System, service: Service
) -> None:
    """The feature's own settings count again."""
    system.degradation.add(Feature("it", rollout=50))
    system.degradation.follow(api.get_client("theirs"), interval=5)
    found = []
    for flags in ({"it": False}, {"it": 70}, {"it": 80.5}, {}):
        service.say(**flags)
        look(system)
        feature = system.degradation.state().features[0]
        found.append((feature.enabled, feature.rollout))

    assert found == [(False, 50), (True, 70), (True, 80.5), (True, 50)]


def test_flags_are_over_settings_and_under_operators(system: System, service: Service) -> None:
    """As later settings are; and settings that come later do not drop them."""
    system.degradation.add(Feature("it"))
    service.say(it=False)
    system.degradation.follow(api.get_client("theirs"))
    look(system)

    system.configure({"degradation": {"features": {"it": {"enabled": True}}}})
    assert not system.degradation.enabled("it")
    system.degradation.enable("it", "I insist", "ann")
    assert system.degradation.enabled("it")


def test_a_service_that_is_down_changes_nothing(
    system: System, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once; and again when it was up in between."""
    system.degradation.add(Feature("it"))
    service.say(it=False)
    system.degradation.follow(api.get_client("theirs"))
    look(system)

    service.down = True
    for _ in range(3):
        look(system)
    assert not system.degradation.enabled("it")
    said = [each.getMessage() for each in caplog.records if each.name == "resilience"]
    assert len(said) == 1
    assert said[0].startswith("flag 'it' cannot be read, and stays what it was: ")
    service.down = False
    service.say(it=True)
    look(system)
    assert system.degradation.enabled("it")


@pytest.mark.parametrize("value", ["text", 101.0, -1, {"a": 1}])
def test_what_is_neither_boolean_nor_percentage_changes_nothing(
    system: System, service: Service, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    """Said, and left."""
    system.degradation.add(Feature("it", rollout=50))
    service.say(it=value)
    system.degradation.follow(api.get_client("theirs"))
    look(system)

    assert system.degradation.state().features[0].rollout == 50
    assert "flag 'it' cannot be read" in caplog.text


def test_following_can_be_ended(system: System, service: Service) -> None:
    """The other settings count again."""
    system.degradation.add(Feature("it"))
    service.say(it=False)
    stop = system.degradation.follow(api.get_client("theirs"))
    look(system)

    stop()
    assert system.degradation.enabled("it")
    look(system)
    assert system.degradation.enabled("it")


def test_features_do_not_follow_themselves(
    client: OpenFeatureClient, system: System, clock: ManualClock
) -> None:
    """One that was off would stay off for ever."""
    with pytest.raises(ConfigurationError, match="features would follow themselves"):
        system.degradation.follow(client)


def test_a_provider_that_becomes_our_own_is_not_followed(
    system: System, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever sets it later: what was known stays."""
    system.degradation.add(Feature("it"))
    service.say(it=False)
    system.degradation.follow(api.get_client("theirs"))
    look(system)

    api.set_provider_and_wait(ResilienceProvider(system.degradation), "theirs")
    look(system)

    assert not system.degradation.enabled("it")
    assert "openfeature failed" in caplog.text


def test_without_the_extra_it_says_what_to_install() -> None:
    """And nothing else of the package needs it."""
    code = (
        "import sys; sys.modules['openfeature'] = None\n"
        "from resilience import system\n"
        "system.degradation.enabled('it')\n"
        "try: system.degradation.follow()\n"
        "except ImportError as error: print(error)\n"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50
    )

    assert "pip install 'resilience-web[openfeature]'" in ran.stdout, ran.stderr
