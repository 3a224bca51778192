"""What every store of the journal does, whatever its database."""

from __future__ import annotations

import pytest

from resilience.storage.base import Store
from resilience.storage.condensing import Rule
from resilience.storage.tables import TABLES, Row


def happened(at: float, component: str = "payments", **more: object) -> Row:
    """Return a row of history."""
    values = {"at": at, "worker": "w", "component": component, "type": "circuit_opened", **more}
    return Row("circuit_breaker_state_history", values)


def circuit(name: str, state: str, at: float = 1.0) -> Row:
    """Return a row of which there is one by name."""
    values = {
        "name": name,
        "kind": "state",
        "at": at,
        "worker": "w",
        "state": state,
        "generation": 1,
    }
    return Row("circuit_breakers", values)


QUIET = Rule(3600.0, 60.0, quiet=True)


def counted(at: float, component: str, failures: int = 0) -> Row:
    """Return the counts of a second."""
    values = {"at": at, "span": 1.0, "worker": "w", "component": component, "kind": "calls"}
    counts = {"calls": 10, "failures": failures, "slow_calls": 0, "rejected": 0}
    return Row("component_health_summary", {**values, **counts})


class StoreContract:
    """Subclass it with a fixture `store`: a store of your own, empty and open."""

    def test_rows_come_back_oldest_first(self, store: Store) -> None:
        """With what they had, and nothing where they had nothing."""
        store.write([happened(3.0), happened(1.0, reason="ärger"), happened(2.0, calls=7)])

        found = store.read("circuit_breaker_state_history")

        assert [row["at"] for row in found] == [1.0, 2.0, 3.0]
        assert (found[0]["reason"], found[1]["calls"], found[2]["reason"]) == ("ärger", 7, None)

    def test_rows_are_found_by_time_and_value(self, store: Store) -> None:
        """From a moment up to another one, of one component, the newest few."""
        store.write([happened(float(at), name) for at in range(5) for name in ("a", "b")])
        table = "circuit_breaker_state_history"

        assert [row["at"] for row in store.read(table, since=1, until=3)] == [1, 1, 2, 2]
        assert [row["at"] for row in store.read(table, equal={"component": "a"}, newest=2)] == [
            3,
            4,
        ]

    def test_details_come_back_as_they_were(self, store: Store) -> None:
        """Whatever plain values they were."""
        details = {"numbers": [1, 2.5, None], "words": {"é": True}}
        store.write([happened(1.0, data=details)])

        assert store.read("circuit_breaker_state_history")[0]["data"] == details

    def test_details_that_are_too_long_stay_readable(self, store: Store) -> None:
        """Cut, but still of the form that readers expect."""
        store.write([happened(1.0, data={"words": 'ä"' * 20_000})])

        [found] = store.read("circuit_breaker_state_history")
        assert found["data"]["cut"].startswith('{"words"')

    def test_what_does_not_fit_is_cut_not_refused(self, store: Store) -> None:
        """Texts of any length, with characters that databases refuse."""
        store.write([happened(1.0, "n" * 500, reason="a\x00b\ud800" + "x" * 20_000)])

        [found] = store.read("circuit_breaker_state_history")
        assert len(found["component"]) == 200
        assert found["reason"].startswith("ab?x")
        assert len(found["reason"]) == 10_000

    def test_a_row_by_name_is_replaced(self, store: Store) -> None:
        """Also within one batch, the last one winning."""
        store.write([circuit("a", "closed"), circuit("b", "closed"), circuit("a", "open")])
        store.write([circuit("b", "half_open")])

        found = {row["name"]: row["state"] for row in store.read("circuit_breakers")}
        assert found == {"a": "open", "b": "half_open"}

    def test_a_batch_is_written_whole_or_not_at_all(self, store: Store) -> None:
        """One bad row takes the rest with it, so that it can be tried again."""
        with pytest.raises(Exception, match=r"(?i)null|constraint"):
            store.write([happened(1.0), Row("health_checks", {"at": 1.0})])

        assert store.read("circuit_breaker_state_history") == []

    def test_history_is_pruned_in_small_batches(self, store: Store) -> None:
        """The oldest first; rows by name stay."""
        store.write([*(happened(float(at)) for at in range(10)), circuit("a", "open", at=0.0)])

        assert [store.prune(8.0, 5), store.prune(8.0, 5), store.prune(8.0, 5)] == [5, 3, 0]
        assert [row["at"] for row in store.read("circuit_breaker_state_history")] == [8.0, 9.0]
        assert len(store.read("circuit_breakers")) == 1

    def test_circuits_that_have_long_been_closed_are_forgotten(self, store: Store) -> None:
        """What is open, or was seen of late, stays: circuits by key would fill the table."""
        store.write([circuit(f"tenant-{each}", "closed", at=1.0) for each in range(3)])
        store.write([circuit("new", "closed", at=9.0), circuit("ill", "open", at=1.0)])

        assert [store.prune(8.0, 2), store.prune(8.0, 2), store.prune(8.0, 2)] == [2, 1, 0]
        assert {row["name"] for row in store.read("circuit_breakers")} == {"new", "ill"}

    def test_old_counts_are_condensed(self, store: Store) -> None:
        """Quiet ones, of each worker and component by itself; nothing is lost of them."""
        rows = [counted(float(at), name) for at in range(120) for name in ("a", "b")]
        store.write([*rows, counted(30.5, "a", failures=5), counted(5000.0, "a")])

        assert store.condense(QUIET, 4000.0, 0.0, 100_000) is None

        found = store.read("component_health_summary", equal={"component": "a"})
        assert [(row["at"], row["span"], row["calls"]) for row in found] == [
            (30.5, 1.0, 10), (60.0, 60.0, 600), (120.0, 60.0, 600), (5000.0, 1.0, 10),
        ]  # fmt: skip
        assert store.condense(QUIET, 4000.0, 0.0, 100_000) is None
        assert store.read("component_health_summary", equal={"component": "a"}) == found

    def test_they_are_condensed_in_slices(self, store: Store) -> None:
        """It says how far it came, and goes on from there."""
        store.write([counted(float(at), "a") for at in range(100)])

        done = store.condense(QUIET, 4000.0, 0.0, 60)
        assert done is not None
        assert done == 59.0
        assert store.condense(QUIET, 4000.0, done, 60) is None

        found = store.read("component_health_summary")
        assert sum(row["calls"] for row in found) == 1000
        assert {row["span"] for row in found} == {60.0}

    def test_it_opens_again_and_keeps_what_it_has(self, store: Store) -> None:
        """As it does with every start."""
        store.write([happened(1.0)])

        store.close()
        store.open()

        assert len(store.read("circuit_breaker_state_history")) == 1

    @pytest.mark.parametrize("table", sorted(TABLES))
    def test_every_table_is_there(self, store: Store, table: str) -> None:
        """And empty."""
        assert store.read(table) == []
