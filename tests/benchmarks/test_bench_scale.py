"""What many workers cost the store is measured, and reckoned."""

import json

import pytest

from benchmarks.scale import main, rate
from tests.servers.redis import MISSING, RedisServer


def test_a_quiet_worker_writes_once_a_second() -> None:
    """And one that sees failures all the time not much more often: the pace limits it."""
    assert rate(0.0) == pytest.approx(1.0, abs=0.05)
    assert rate(0.1) < 1.2
    assert rate(50.0) < 5.0


@pytest.mark.skipif(not RedisServer.is_installed(), reason=MISSING)
def test_the_script_takes_as_long_with_many_workers(capsys: pytest.CaptureFixture[str]) -> None:
    """A letter is about few of them, so the store's time grows with the letters alone."""
    assert main(["--quick", "--json"]) == 0

    few, _, many = json.loads(capsys.readouterr().out)
    assert (few["workers"], many["workers"]) == (10, 10_000)
    assert many["script_us"] < 3 * few["script_us"]
    assert many["bytes"] < 1.5 * few["bytes"]
    assert many["load"] == pytest.approx(many["busy"] * many["script_us"] / 1e6, rel=0.05)
