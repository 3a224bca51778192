"""What every backend of a fleet does: what workers tell, and what all of them hear."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resilience.fleet.base import Claim, Letter, Order
from resilience.fleet.looking import look
from resilience.fleet.verdicts import Report
from resilience.testing.contracts.workers import RULES, Workers


class FleetContract:
    """Subclass it with a fixture `fleet`: `Workers` on a backend of your own, empty.

    Its buckets of `RULES` are a second wide; times are whole seconds.
    """

    def test_two_failing_workers_open_it_for_all(self, fleet: Workers) -> None:
        """The second report makes the transition; a third worker hears of it without asking."""
        fleet.send("b")
        first = fleet.tell("a", calls=5, failures=5, error="OSError: no")
        assert (first.state, first.epoch, first.made) == ("closed", 0, False)

        second = fleet.tell("b", calls=5, failures=5)
        (heard,) = fleet.send("c")

        assert (second.state, second.epoch, second.made) == ("open", 1, True)
        assert second.left == pytest.approx(20.0, abs=1.0)
        assert (second.reason, second.counts, second.error) == (
            "failure_rate",
            (10, 10, 0),
            "OSError: no",
        )
        assert (heard.name, heard.state, heard.epoch, heard.made) == ("it", "open", 1, False)
        assert fleet.send("c") == ()

    def test_an_error_may_have_any_text(self, fleet: Workers) -> None:
        """Such as the name of a file that is not UTF-8: half a surrogate pair in Python."""
        text = "OSError: 'no\udcff\x00', \u65e5 \U0001f389 \"\\"

        verdict = fleet.tell("a", calls=5, failures=5, error=text)

        assert (verdict.state, verdict.error) == ("open", text)

    def test_one_ill_worker_opens_only_itself(self, fleet: Workers) -> None:
        """However much it fails: the others are well."""
        fleet.tell("b", calls=1)

        verdict = fleet.tell("a", calls=100, failures=100)

        assert verdict.state == "closed"

    def test_the_only_live_worker_needs_no_other(self, fleet: Workers) -> None:
        """One worker is the fleet."""
        assert fleet.tell("a", calls=5, failures=5).state == "open"

    def test_a_low_rate_opens_nothing(self, fleet: Workers) -> None:
        """Many failures among more calls."""
        fleet.tell("a", calls=100, failures=10)

        assert fleet.tell("b", calls=100, failures=10).state == "closed"

    def test_slow_calls_open_it_too(self, fleet: Workers) -> None:
        """By their own rate."""
        fleet.send("b")
        fleet.tell("a", calls=5, slow=5)

        verdict = fleet.tell("b", calls=5, slow=5)

        assert (verdict.state, verdict.reason, verdict.counts) == (
            "open",
            "slow_call_rate",
            (10, 0, 10),
        )

    def test_counts_of_another_epoch_do_not_count(self, fleet: Workers) -> None:
        """A worker that has not heard of the last transition tells what it saw before it."""
        fleet.open()
        fleet.pass_time(20.5)
        fleet.try_it("a", "success")
        closed = fleet.try_it("b", "success")
        assert closed.state == "closed"

        fleet.tell("a", epoch=1, calls=50, failures=50)
        verdict = fleet.tell("b", epoch=1, calls=50, failures=50)

        assert (verdict.state, verdict.epoch) == ("closed", closed.epoch)

    def test_trials_come_only_after_the_wait_and_on_demand(self, fleet: Workers) -> None:
        """Nobody asks: it stays open; somebody asks too early: it does, too."""
        fleet.open()
        early = fleet.tell("a", epoch=1, state="open", wants=True)
        fleet.pass_time(20.5)
        silent = fleet.tell("a", epoch=1, state="open")
        asked = fleet.tell("a", epoch=1, state="open", wants=True)

        assert (early.state, early.place) == ("open", "")
        assert (silent.state, silent.left) == ("open", 0.0)
        assert (asked.state, asked.epoch, asked.made) == ("half_open", 2, True)
        assert asked.place

    def test_the_whole_fleet_gets_no_more_places_than_asked_for(self, fleet: Workers) -> None:
        """Eight workers ask, twice each; three get one place each."""
        fleet.open()
        fleet.pass_time(20.5)
        workers = [f"w{number}" for number in range(8)]

        places = [fleet.ask(worker).place for worker in (*workers, *workers)]

        assert len({each for each in places if each}) == 3
        assert places[:3] == [each for each in places if each]

    def test_enough_successes_close_it_and_enough_failures_open_it_for_longer(
        self, fleet: Workers
    ) -> None:
        """Two of three either way; a relapse doubles the wait."""
        fleet.open()
        fleet.pass_time(20.5)
        first = fleet.try_it("a", "failure")
        second = fleet.try_it("b", "failure")
        assert (first.state, first.made) == ("half_open", False)
        assert (second.state, second.reason, second.counts) == ("open", "trial_failed", (2, 2, 0))
        assert second.left == pytest.approx(40.0, abs=1.0)
        assert (second.relapses, second.made) == (2, True)

        fleet.pass_time(41.0)
        fleet.try_it("a", "failure")
        fleet.try_it("b", "success")
        closed = fleet.try_it("c", "success")

        assert (closed.state, closed.epoch, closed.made) == ("closed", 5, True)

    def test_a_trial_that_says_nothing_gives_its_place_back(self, fleet: Workers) -> None:
        """It counts neither way, and another worker gets it."""
        fleet.open()
        fleet.pass_time(20.5)
        for worker in "abc":
            fleet.ask(worker)
        assert not fleet.ask("d").place

        fleet.tell("a", epoch=2, state="half_open", trials={"2.1": "neutral"})

        assert fleet.ask("d").place == "2.4"

    def test_a_place_that_is_not_used_is_given_to_another(self, fleet: Workers) -> None:
        """A second after it was given; one where a trial has begun is kept longer."""
        fleet.open()
        fleet.pass_time(20.5)
        for worker in "abc":
            fleet.ask(worker)
        fleet.tell("a", epoch=2, state="half_open", trials={"2.1": "running"})

        fleet.pass_time(1.1)
        places = [fleet.ask(worker).place for worker in "def"]

        assert places == ["2.4", "2.5", ""]

    def test_a_workers_trial_ends_with_the_worker(self, fleet: Workers) -> None:
        """One that is killed says nothing more; when it leaves, its place is free at once."""
        fleet.open()
        fleet.pass_time(20.5)
        for worker in "abc":
            fleet.ask(worker)
        fleet.tell("a", epoch=2, state="half_open", trials={"2.1": "running"})

        fleet.send("a", leaving=True)

        assert fleet.ask("d").place

    def test_nobody_reports_another_workers_trial(self, fleet: Workers) -> None:
        """Nor one twice."""
        fleet.open()
        fleet.pass_time(20.5)
        place = fleet.ask("a").place

        fleet.tell("b", epoch=2, state="half_open", trials={place: "success"})
        fleet.tell("a", epoch=2, state="half_open", trials={place: "success"})
        verdict = fleet.tell("a", epoch=2, state="half_open", trials={place: "success"})

        assert verdict.state == "half_open"

    def test_a_store_that_knows_less_learns_from_a_worker(self, fleet: Workers) -> None:
        """It takes up the higher epoch, with the time that is left."""
        verdict = fleet.tell("a", epoch=7, state="open", left=30.0)
        again = fleet.tell("b", epoch=6, state="closed", calls=9)

        assert (verdict.state, verdict.epoch, verdict.made) == ("open", 7, False)
        assert verdict.left == pytest.approx(30.0, abs=1.0)
        assert (again.state, again.epoch) == ("open", 7)

    def test_trials_of_a_half_open_circuit_begin_anew_in_a_store_that_knew_nothing(
        self,
        fleet: Workers,
    ) -> None:
        """Those under way are unknown to it; none of its own may have the name of one of them."""
        verdict = fleet.tell("a", epoch=7, state="half_open", wants=True, trials={"7.1": "success"})

        assert (verdict.state, verdict.epoch, verdict.place) == ("half_open", 9, "9.1")

    def test_a_worker_that_has_seen_more_than_the_store_is_told_so(self, fleet: Workers) -> None:
        """An older replica took over, or an empty one."""
        fleet.open()
        seen = fleet.replies["b"]

        assert not fleet.backend.exchange(Letter("b", seen.era, seen.seen)).behind
        assert fleet.backend.exchange(Letter("b", seen.era, seen.seen + 1)).behind
        assert fleet.backend.exchange(Letter("b", "another", 0)).behind

    def test_a_store_that_went_back_is_another_one_and_numbers_go_on(self, fleet: Workers) -> None:
        """One worker notices it, and all are asked what they know; no number is given twice."""
        fleet.order("a", Order("circuit it", "open"))
        seen = fleet.replies["a"]
        ahead = fleet.backend.exchange(Letter("b", seen.era, seen.seen + 7))

        assert ahead.behind
        assert ahead.seen >= seen.seen + 7
        assert fleet.backend.exchange(Letter("a", seen.era, seen.seen)).behind
        [order] = fleet.order("c", Order("circuit it", ""))
        assert order.number > seen.seen + 7

    def test_an_operators_reset_closes_it_for_all(self, fleet: Workers) -> None:
        """By a new epoch; relapses are forgotten."""
        fleet.open()

        verdict = fleet.tell("a", epoch=1, reset=True)
        (heard,) = fleet.send("c")

        assert (verdict.state, verdict.epoch, verdict.made, verdict.relapses) == (
            "closed",
            2,
            True,
            0,
        )
        assert (heard.state, heard.epoch) == ("closed", 2)

    def test_workers_with_other_rules_are_told_so(self, fleet: Workers) -> None:
        """While both are alive; one worker may change its mind."""
        other = replace(RULES, window=20.0)

        assert not fleet.tell("a").differs
        assert not fleet.tell("a", rules=other).differs
        assert fleet.tell("b").differs

    def test_workers_are_counted_until_they_leave(self, fleet: Workers) -> None:
        """Each exchange is a sign of life."""
        for worker in "abc":
            fleet.send(worker)
        assert fleet.replies["c"].workers == 3

        fleet.send("a", leaving=True)
        fleet.send("c")

        assert fleet.replies["c"].workers == 2

    def test_many_circuits_go_in_one_letter(self, fleet: Workers) -> None:
        """A thousand of them, each with its own verdict."""
        reports = [Report(f"it[{n}]", RULES, calls=5, failures=5 * (n % 2)) for n in range(1000)]
        fleet.send("b")

        fleet.send("a", *reports)
        verdicts = fleet.send("b", *reports)
        heard = fleet.send("c")

        assert [each.name for each in verdicts] == [each.name for each in reports]
        assert sum(each.state == "open" for each in verdicts) == 500
        assert {each.name for each in heard} == {f"it[{n}]" for n in range(1, 1000, 2)}

    def test_counts_leave_the_window(self, fleet: Workers) -> None:
        """Failures older than it open nothing."""
        fleet.send("b")
        fleet.tell("a", calls=5, failures=5)

        fleet.pass_time(11.0)

        assert fleet.tell("b", calls=4, failures=4).state == "closed"

    # -- orders -------------------------------------------------------------------------------

    def test_an_order_reaches_everybody_once(self, fleet: Workers) -> None:
        """With the number of its change; a later one beats it, a release is told as well."""
        fleet.send("a")
        fleet.send("b")
        mine = fleet.order("a", Order("circuit x", "open", left=60.0))
        (heard,) = fleet.order("b")

        assert (heard.key, heard.text, heard.number) == ("circuit x", "open", mine[0].number)
        assert heard.left == pytest.approx(60.0, abs=1.0)
        assert fleet.order("b") == ()
        fleet.order("b", Order("circuit x", "closed"))
        (later,) = fleet.order("a")
        assert (later.text, later.left) == ("closed", None)
        assert later.number > heard.number
        fleet.order("b", Order("circuit x", ""))
        assert [each.text for each in fleet.order("a")] == [""]
        assert [each.text for each in fleet.order("new")] == [""]

    def test_an_order_of_an_earlier_store_beats_only_what_is_older(self, fleet: Workers) -> None:
        """Whoever has seen more tells it again, and all hear it."""
        fleet.order("a", Order("level", "reduced", number=40))
        fleet.order("b", Order("level", "minimal", number=39))

        assert [(each.text, each.number) for each in fleet.order("c")] == [("reduced", 40)]
        (later,) = fleet.order("b", Order("level", "emergency"))[-1:]
        assert (later.text, later.number) == ("emergency", 41)

    def test_the_roll_tells_who_is_alive_and_what_they_have_seen(self, fleet: Workers) -> None:
        """And what they say of themselves, until they leave."""
        fleet.send("a", about='{"pid": 1}')
        fleet.order("b", Order("level", "reduced"))
        fleet.send("a", roll=True)
        before = {each.name: each for each in fleet.replies["a"].roll}
        fleet.send("a", roll=True)
        after = {each.name: each for each in fleet.replies["a"].roll}

        assert set(before) == {"a", "b"}
        assert before["a"].about == after["a"].about == '{"pid": 1}'
        assert before["a"].seen < after["a"].seen == fleet.replies["a"].seen
        assert 0.0 <= after["b"].silent < 5.0
        fleet.send("b", leaving=True)
        fleet.send("a", roll=True)
        assert [each.name for each in fleet.replies["a"].roll] == ["a"]

    def test_who_only_looks_is_nobody(self, fleet: Workers) -> None:
        """All is told to whoever leaves with the letter that asks, and no worker notices."""
        fleet.open()
        fleet.order("a", Order("level", "reduced"))
        before = fleet.replies["a"]

        seen = look(fleet.backend)

        assert [(each.name, each.state) for each in seen.verdicts] == [("it", "open")]
        assert [(each.key, each.text) for each in seen.orders] == [("level", "reduced")]
        assert {each.worker for each in seen.workers} == {"a", "b"}
        fleet.send("a")
        after = fleet.replies["a"]
        assert (after.era, after.seen, after.workers) == (before.era, before.seen, before.workers)

    # -- leases -------------------------------------------------------------------------------

    def test_a_lease_is_given_to_one(self, fleet: Workers) -> None:
        """Until it is given back; tokens grow; a claim that fails prolongs nothing."""
        first = fleet.claim("a", Claim("heal x", lasts=10.0))

        assert first > 0
        assert fleet.claim("b", Claim("heal x")) == 0
        assert fleet.claim("b", Claim("heal y")) > first
        assert fleet.claim("a", Claim("heal x", first)) == first
        assert fleet.claim("a", Claim("heal x", first, over=True)) == 0
        assert fleet.claim("b", Claim("heal x")) > first
        assert fleet.claim("a", Claim("heal x", first)) == 0

    def test_a_lease_ends_by_itself(self, fleet: Workers) -> None:
        """Unless it is renewed; whoever comes too late has lost it."""
        first = fleet.claim("a", Claim("it", lasts=0.05))

        fleet.wait_out(0.05)

        second = fleet.claim("b", Claim("it"))
        assert second > first
        assert fleet.claim("a", Claim("it", first)) == 0

    def test_a_lease_ends_with_its_worker(self, fleet: Workers) -> None:
        """Who has left needs no wait."""
        fleet.claim("a", Claim("it", lasts=1000.0))
        fleet.send("a", leaving=True)

        assert fleet.claim("b", Claim("it")) > 0

    def test_there_may_be_several_places(self, fleet: Workers) -> None:
        """As many as are asked for, and no more."""
        tokens = [fleet.claim(worker, Claim("recycle", places=2)) for worker in "abc"]

        assert [token > 0 for token in tokens] == [True, True, False]
