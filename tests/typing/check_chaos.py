"""What type checkers see of experiments; checked, never run."""

from typing import assert_type

from resilience import Error, Experiment, Latency, Outage, Result, System
from resilience.chaos.files import load
from resilience.chaos.presets import cascade, latency_spike
from resilience.chaos.runs import Run

system = System({"chaos": {"enabled": True}})
experiment = Experiment("slow", Latency(2.0, jitter=0.1), "prices", duration=30, share=0.5)

assert_type(system.chaos.run(experiment), Result)
assert_type(system.chaos.start(experiment, actor="ann"), Run)
assert_type(system.chaos.halt(), int)
assert_type(system.chaos.run(experiment).recommendations, tuple[str, ...])
assert_type(load("experiments.toml"), list[Experiment])
assert_type(latency_spike("prices", 2.0, duration=30), Experiment)
assert_type(cascade("prices", "stock"), Experiment)


async def asynchronous() -> None:
    """The same without holding up the loop."""
    assert_type(await system.chaos.run_async(experiment), Result)


Experiment("gone", Outage(), "prices", share="half")  # type: ignore[arg-type]
Experiment("wrong", Error)  # type: ignore[call-arg, arg-type]
latency_spike("prices", sharp=0.5)  # type: ignore[call-arg]
