"""A report after an incident, for people (Markdown) and programs."""

from __future__ import annotations

from typing import Any

from resilience.history.incidents import Incident
from resilience.history.words import clock_time, duration, moment

Payload = dict[str, Any]


def summary(incident: Incident) -> list[str]:
    """Return what there is to say about an incident, in a few sentences."""
    said = []
    names = _listed(incident.components)
    lasted = incident.seconds
    if lasted is None:
        said.append(f"It concerned {names}, began at {moment(incident.started_at)} UTC, and was "
                    "not over at the end of this report.")  # fmt: skip
    else:
        said.append(f"It concerned {names}, began at {moment(incident.started_at)} UTC and lasted "
                    f"{duration(lasted)}.")  # fmt: skip
    noticed = incident.first("circuit_opened")
    if noticed is not None and incident.first("first_error") is not None:
        took = noticed - incident.started_at
        after = "Within a second of" if took < 1 else f"{duration(took)} after"
        said.append(f"{after} the first error calls were stopped.")
    if incident.calls or incident.rejected:
        said.append(f"{_count(incident.failures, 'call')} of {incident.calls} failed; "
                    f"{_count(incident.rejected, 'call')} were refused at once instead of waiting "
                    "for what was down.")  # fmt: skip
    done, failed = incident.count("recovery_succeeded"), incident.count("recovery_failed")
    if done or failed:
        said.append(f"Recoveries: {done} succeeded, {failed} failed.")
    if incident.level != "normal":
        said.append(f"The deepest level of service was {incident.level}.")
    return said


def payload(since: float, until: float, found: list[Incident]) -> Payload:
    """Return a report for programs; times are wall-clock seconds since 1970-01-01 UTC."""
    return {"since": since, "until": until, "incidents": [incident_payload(each) for each in found]}


def incident_payload(incident: Incident) -> Payload:
    """Return an incident for programs."""
    return {
        "id": incident.id,
        "started_at": incident.started_at,
        "ended_at": incident.ended_at,
        "seconds": incident.seconds,
        "components": incident.components,
        "level": incident.level,
        "calls": incident.calls,
        "failures": incident.failures,
        "rejected": incident.rejected,
        "opened_at": incident.first("circuit_opened"),
        "summary": summary(incident),
        "timeline": [
            {name: getattr(each, name) for name in ("at", "type", "component", "said", "workers")}
            for each in incident.moments
        ],
    }


def markdown(since: float, until: float, found: list[Incident]) -> str:
    """Return a report to read; charts are in the HTML one."""
    lines = ["# Incident report", "", headline(since, until, found), ""]
    for incident in found:
        lines += [f"## {title(incident)}", "", *[f"{each}  " for each in summary(incident)], ""]
        lines += ["| Time (UTC) | What happened |", "| --- | --- |"]
        lines += [
            f"| {clock_time(each.at)} | {_cell(each.said)}{seen_by(each.workers)} |"
            for each in incident.moments
        ]
        lines.append("")
    return "\n".join(lines)


def title(incident: Incident) -> str:
    """Return what an incident is called."""
    return f"{moment(incident.started_at)}: {_listed(incident.components)}"


def headline(since: float, until: float, found: list[Incident]) -> str:
    """Return the sentence over a report."""
    span = f"From {moment(since)} to {moment(until)} UTC"
    if not found:
        return f"{span} there was no incident."
    return f"{span} there {'was' if len(found) == 1 else 'were'} {_count(len(found), 'incident')}."


def seen_by(workers: int) -> str:
    """Return how many processes saw something, where it was more than one."""
    return f" ({workers} processes)" if workers > 1 else ""


def _listed(names: list[str]) -> str:
    if not names:
        return "the whole app"
    if len(names) > 5:
        return f"{', '.join(names[:5])} and {len(names) - 5} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _cell(text: str) -> str:
    """Return a text that cannot break out of its cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
