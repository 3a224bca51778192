"""History on the dashboard: what it shows, what it refuses, and links that last."""

import json
from urllib.parse import urlsplit

import pytest

from resilience import System
from resilience.web.admin import api
from resilience.web.answers import Answer
from tests.history.conftest import START


def ask(system: System, query: str = "", path: str = api.HISTORY) -> Answer:
    """Return the answer to somebody who may see it."""
    request = api.Request("GET", path, query, {"host": "shop.example"})
    return api.answer(system, request, "ada")


def text(answer: Answer) -> str:
    """Return a page's text."""
    return answer.body.decode()


def test_an_incident_is_told_with_its_chart(outage: System) -> None:
    """As a timeline in plain words, beside the calls it concerned."""
    page = text(ask(outage, f"from={START}&to={START + 300}"))

    assert "there was 1 incident." in page
    assert "Calls to payments were stopped" in page
    assert '<svg class="chart"' in page
    assert 'class="refused"' in page


def test_the_last_day_is_shown_at_first(outage: System) -> None:
    """Other spans are a link away."""
    page = text(ask(outage))

    assert "Calls to payments were stopped" in page
    assert 'href="history?span=7d"' in page
    assert 'href="history?span=1d" aria-current="page"' in page


def test_a_permalink_shows_the_same_incident_later(outage: System) -> None:
    """Whatever has happened since; its id is the anchor."""
    page = text(ask(outage))
    href = page.partition("Permalink")[0].rpartition('href="')[2].partition('"')[0]
    link = urlsplit(href.replace("&amp;", "&"))
    outage.runtime.clock.wall += 90 * 86_400.0  # type: ignore[attr-defined]

    later = text(ask(outage, link.query))

    assert "Calls to payments were stopped" in later
    assert f'id="{link.fragment}"' in later


def test_a_component_has_a_chart_of_its_own(outage: System) -> None:
    """Over the whole stretch; others are left out."""
    when = f"from={START}&to={START + 300}"

    assert text(ask(outage, f"{when}&component=payments")).count("<svg") == 2
    other = text(ask(outage, f"{when}&component=search"))
    assert "there was no incident" in other
    assert "No calls of search were counted." in other


@pytest.mark.parametrize(
    "query", ["span=3h", "from=x", "from=-1", "to=nan", "from=1e300", "to=inf"]
)
@pytest.mark.parametrize("path", [api.HISTORY, api.INCIDENTS])
def test_what_makes_no_sense_is_refused(outage: System, query: str, path: str) -> None:
    """With what is allowed."""
    answer = ask(outage, query, path)

    assert answer.status == 400
    assert "give" in json.loads(answer.body)["detail"]


def test_programs_get_the_same(outage: System) -> None:
    """As JSON."""
    answer = ask(outage, f"from={START}&to={START + 300}", api.INCIDENTS)

    [incident] = json.loads(answer.body)["incidents"]
    assert incident["components"] == ["payments"]


def test_without_a_journal_it_says_how_to_have_one(system: System) -> None:
    """On the page; programs are told, too."""
    assert "the journal is off: give journal url=" in text(ask(system))
    assert json.loads(ask(system, path=api.INCIDENTS).body)["journal"] is False


def test_a_journal_that_cannot_be_read_is_said(outage: System, tmp_path: object) -> None:
    """The dashboard itself goes on."""
    store = outage.journal._store
    assert store is not None
    with store.engine.begin() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("DROP TABLE recovery_events")

    assert "The journal cannot be read now" in text(ask(outage))


def test_nothing_breaks_out_of_the_page(outage: System) -> None:
    """Neither what was written nor what is asked for."""
    page = text(ask(outage, "span=1d&component=%3Cscript%3E%22"))

    assert "<script" not in page
    assert "style=" not in page


def test_strangers_find_nothing(outage: System) -> None:
    """As for the rest of the dashboard."""
    request = api.Request("GET", api.HISTORY, "", {})

    assert api.answer(outage, request, None).status == 404
