"""Orders to a running app, from the shell."""

import json

import pytest

from tests.commands.conftest import TOKENS, Shop
from tests.commands.running import run, told

WHY = ("--reason", "a drill")


@pytest.mark.parametrize(
    ("state", "expected"),
    [("open", "forced_open"), ("closed", "forced_closed"), ("disabled", "disabled")],
)
def test_a_circuit_is_forced_and_released(url: str, shop: Shop, state: str, expected: str) -> None:
    """With a reason, and who it was."""
    done = told("force", "prices", state, *WHY, "--for", "60")

    assert (done["actor"], done["reason"], done["for"]) == ("ada", "a drill", 60)
    assert shop.system.circuits["prices"].state == expected
    assert run("release", "prices", *WHY).stdout == "circuit.release prices: done, by ada\n"
    assert shop.system.circuits["prices"].state == "closed"


def test_a_shadow_and_a_reset(url: str, shop: Shop) -> None:
    """The other two orders on circuits."""
    told("force", "prices", "shadow", *WHY)
    assert shop.system.circuits["prices"].snapshot().shadow

    told("release", "prices", *WHY)
    shop.prices()
    told("reset", "prices", *WHY)
    assert shop.system.circuits["prices"].snapshot().calls == 0


def test_the_level_is_shown_set_and_given_back(url: str, shop: Shop) -> None:
    """To the rules."""
    assert run("level").stdout.startswith("normal since")

    run("level", "reduced", *WHY)
    assert told("level")["level"] == shop.system.degradation.level == "reduced"

    run("level", "recover", *WHY)
    assert shop.system.degradation.level == "normal"


def test_features_are_switched(url: str, shop: Shop) -> None:
    """On, off, to a share; and killed, until they are released."""
    enabled = shop.system.degradation.enabled

    run("features", "disable", "offers", *WHY)
    assert not enabled("offers")
    run("features", "enable", "offers", *WHY)
    assert enabled("offers")
    run("kill", "offers", *WHY)
    assert not enabled("offers")
    run("features", "release", "offers", *WHY)
    assert enabled("offers")
    run("features", "rollout", "offers", "25", *WHY)
    assert told("features")["features"][0]["rollout"] == 25


def test_a_group_passes_on_what_it_was_given(url: str, shop: Shop) -> None:
    """The address, the token, `--json`; what a command is given itself comes first."""
    group = ("features", "--url", url, "--json", "--token", TOKENS["bob"])
    order = ("disable", "offers", *WHY)

    assert json.loads(run(*group, *order).stdout)["actor"] == "bob"
    assert json.loads(run(*group, *order, "--token", TOKENS["ada"]).stdout)["actor"] == "ada"


def test_a_component_is_recovered(url: str, shop: Shop) -> None:
    """Now; what is well is left alone, and said to be."""
    well = run("heal", "database", *WHY)
    assert (well.exit_code, "all is well" in well.stderr) == (1, True)

    shop.fall_ill()
    shop.system.healer.failed("database", "postgres", ConnectionError("gone"), severity="low")
    run("heal", "database", *WHY)
    shop.system.tick()

    for _ in range(200):
        if shop.healed:
            break
        shop.system.runtime.clock.sleep(0.02)
    assert shop.healed >= 1
    assert "database" in run("heal").stdout


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (("force", "pries", "open", *WHY), 1, "did you mean 'prices'"),
        (("force", "prices", "ajar", *WHY), 2, "'ajar' is not one of"),
        (("force", "prices", "open"), 2, "Missing option '--reason'"),
        (("force", "prices", "open", "--reason", ""), 1, "reason is missing"),
        (("level", "reduced"), 2, "--reason is needed"),
        (("heal", "database"), 2, "--reason is needed"),
        (("kill", "offres", *WHY), 1, "did you mean 'offers'"),
        (("features", "rollout", "offers", "250", *WHY), 2, "not in the range"),
    ],
)
def test_what_cannot_be_is_refused(
    url: str, words: tuple[str, ...], code: int, expected: str
) -> None:
    """In words that say what to give; nothing is done."""
    result = run(*words)

    assert (result.exit_code, expected in result.stderr) == (code, True), result.stderr
