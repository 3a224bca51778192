"""What is timed of chaos experiments: calls that none of them is about."""

from collections.abc import Callable, Sequence

from benchmarks import loops
from benchmarks.calls import Group, closure, work
from benchmarks.peers import Peer
from benchmarks.rounds import Subject
from resilience import Experiment, Latency, System

NEVER = "a call that no experiment was ever about"


def sync(_peers: Sequence[Peer]) -> Group:
    """Compare a guarded call that knows of no experiment with one that had some."""
    system = System({"chaos": {"enabled": True}})
    never = system.circuit("never")(closure(work))
    over = system.circuit("over")(closure(work))
    hit = system.circuit("hit")(closure(work))
    system.chaos.start(Experiment("over", Latency(0), "over", duration=600)).end("completed")
    system.chaos.start(Experiment("hit", Latency(0), "hit", duration=600))
    subjects = [
        (NEVER, never),
        ("a call whose experiment is over, while another one runs", over),
        ("a call that one is about, and takes 0 s longer", hit),
    ]
    return Group(
        "Experiments, a circuit's call",
        NEVER,
        tuple(Subject(name, loops.plain(call)) for name, call in subjects),
    )


EXPERIMENT_GROUPS: dict[str, Callable[[Sequence[Peer]], Group]] = {"chaos": sync}
