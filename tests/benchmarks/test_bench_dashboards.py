"""What open dashboards cost is measured on real servers, with real connections."""

import sys

import pytest

from benchmarks import dashboards

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run there")


@pytest.mark.parametrize(("server", "seconds"), [("uvicorn", "1.5"), ("gunicorn", "0.5")])
def test_calls_are_timed_without_and_with_dashboards(
    server: str, seconds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Few of them see boards come, and calls take what calls take."""
    arguments = ["--servers", server, "--dashboards", "20", "--seconds", seconds]

    assert dashboards.main(arguments) == 0

    alone, watched = (line.split() for line in capsys.readouterr().out.splitlines()[2:])
    assert alone[:3] == [f"{server},", "no", "dashboard"]
    assert watched[:3] == [f"{server},", "20", "dashboards"]
    for call, half, most, busy in (map(float, each[3:7]) for each in (alone, watched)):
        assert 0.1 < call < 10_000
        assert 0.1 < half <= most < 10_000
        assert 0.0 <= busy <= 1.2
    assert float(alone[7]) == 0.0
    assert float(watched[7]) > 0.0 or server == "gunicorn"  # they look after two seconds
