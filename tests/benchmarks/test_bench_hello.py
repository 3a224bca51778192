"""What a request costs is measured on real servers."""

import sys

import pytest

from benchmarks import hello

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run there")


@pytest.mark.parametrize("framework", ["flask", "starlette"])
def test_both_servers_are_asked_and_compared(
    framework: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One short start tells times of the right size; the verdict is for longer runs."""
    assert hello.main([framework, "--starts", "1", "--rounds", "2"]) == 0

    said = capsys.readouterr().out.splitlines()
    bare, around = (float(line.split()[-4 if "a request" in line else -2]) for line in said[:2])
    assert 20 < bare < 100_000
    assert 20 < around < 100_000
    assert said[2].endswith(("met)", "MISSED)"))


def test_only_one_of_them_has_ours_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nothing would be compared."""
    bare = hello.create_app()
    monkeypatch.setenv("HELLO_WITH_RESILIENCE", "1")
    around = hello.create_app()

    assert [bare.test_client().get("/health").status_code, around.test_client().get("/").text] == [
        *(404, "hello")
    ]
    assert around.test_client().get("/health/live").status_code == 200


def test_a_worker_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own words."""
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--config=/nonesuch.py")

    with pytest.raises(RuntimeError, match="server did not start"), hello.serving("flask", False):
        pass
