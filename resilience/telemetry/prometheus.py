"""A system's metrics for Prometheus, by its own client (extra `prometheus`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet

from resilience.core.runtime import Runtime
from resilience.errors import ConfigurationError
from resilience.telemetry.metric import Distribution, Kind, Metric, Sample, Together

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family
    from prometheus_client.registry import CollectorRegistry

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which the client has the workers of a host meet."""

WRITTEN_EVERY = 2.0  # seconds; so old may be what a scrape tells of another worker

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class Numbers(Protocol):
    """What metrics are read from.

    Attributes:
        known: every metric that there may be.
    """

    known: tuple[Metric, ...]

    def collect(self) -> list[Sample]:
        """Return every number now, those of one metric together."""
        ...


class Measured(Protocol):
    """A system."""

    @property
    def metrics(self) -> Any:
        """Its `Numbers`."""
        ...

    @property
    def runtime(self) -> Runtime:
        """Its engine."""
        ...


def register(system: Measured, registry: CollectorRegistry | None = None) -> Callable[[], None]:
    """Have a registry tell a system's metrics whenever it is asked; returns what ends that.

    Where the workers of a host share a folder (`PROMETHEUS_MULTIPROC_DIR`), the metrics go there
    instead, for as long as the system's engine runs: registries know one process only.

    Args:
        system: whose metrics.
        registry: None: the client's own, `prometheus_client.REGISTRY`.

    Raises:
        ConfigurationError: the client is not installed, its folder is not there, or the registry
            has metrics of these names already.
    """
    client = needed()
    if is_shared():
        publish(system)
        return lambda: None  # what was counted there stays
    into = client.REGISTRY if registry is None else registry
    collector = _Told(system.metrics)
    try:
        into.register(collector)
    except ValueError as error:
        raise ConfigurationError(
            "this registry tells of these names already, as it does once it has a system's: give "
            f"each system one of its own, registry=CollectorRegistry(): {error}"
        ) from None

    def unregister() -> None:
        with suppress(KeyError):  # it was ended before
            into.unregister(collector)

    return unregister


def publish(system: Measured) -> None:
    """Write a system's metrics every two seconds into the folder that workers share.

    Asking for it twice is as good as once.

    Raises:
        ConfigurationError: the client is not installed, or there is no such folder.
    """
    needed()
    folder()
    if system not in _published:
        _published.add(system)
        writer = _Writer(system.metrics)
        engine = system.runtime.engine
        engine.every(WRITTEN_EVERY, writer.write, name="metrics", blocking=True)
        engine.at_stop(writer.write)


def text(system: Measured, accept: str) -> tuple[bytes, str]:
    """Return all metrics of the process, a system's among them, and the type of that text.

    Where workers share a folder, those of all workers.

    Args:
        system: whose metrics are told beside those that the app itself registered.
        accept: the request's `Accept` header: OpenMetrics for those who ask for it.
    """
    from prometheus_client.exposition import choose_encoder

    encode, content_type = choose_encoder(accept)
    return encode(_All(system)), content_type


def is_shared() -> bool:
    """Tell whether the workers of a host meet in a folder of the client's."""
    return bool(os.environ.get(SHARED))


def folder() -> Path:
    """Return the folder in which they do.

    Raises:
        ConfigurationError: it is not there.
    """
    found = Path(os.environ[SHARED])
    if not found.is_dir():
        raise ConfigurationError(f"{SHARED}={found}: make this folder, empty, before the server")
    return found


def needed() -> Any:
    """Return the client.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        import prometheus_client
    except ModuleNotFoundError:
        raise ConfigurationError(
            "metrics need prometheus_client: pip install 'resilience-web[prometheus]'"
        ) from None
    return prometheus_client


_published: WeakSet[Measured] = WeakSet()


class _All:
    """What the process can tell, to be encoded."""

    def __init__(self, system: Measured) -> None:
        self._system = system

    def collect(self) -> Iterator[Family]:
        """Yield each metric; of ours the system's own, whichever else the registry has."""
        from prometheus_client import REGISTRY, multiprocess

        if is_shared():
            _bury(folder())
            workers: Any = multiprocess
            yield from workers.MultiProcessCollector(None).collect()
            return
        ours = {metric.name for metric in self._system.metrics.known}
        yield from (each for each in REGISTRY.collect() if each.name not in ours)
        yield from _Told(self._system.metrics).collect()


class _Told:
    """A system's metrics, as a registry asks for them."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def describe(self) -> Iterator[Family]:
        """Yield what there may be, so that none is told twice."""
        yield from map(_family, self._numbers.known)

    def collect(self) -> Iterator[Family]:
        """Yield each metric with its values."""
        for metric, samples in groupby(self._numbers.collect(), key=lambda each: each.metric):
            yield _family(metric, samples)


def _family(metric: Metric, samples: Iterable[Sample] = ()) -> Family:
    from prometheus_client import core

    kinds: dict[Kind, Any] = {
        Kind.COUNTER: core.CounterMetricFamily,
        Kind.GAUGE: core.GaugeMetricFamily,
        Kind.HISTOGRAM: core.HistogramMetricFamily,
    }
    family: Any = kinds[metric.kind](metric.name, metric.text, labels=metric.labels)
    for _, labels, value in samples:
        if isinstance(value, Distribution):
            family.add_metric(labels, _buckets(value), value.seconds)
        else:
            family.add_metric(labels, value)
    found: Family = family
    return found


def _buckets(durations: Distribution) -> list[tuple[str, float]]:
    """Return how many took at most so long, for each bound; 4.5 % beside it counts either way."""
    bounds = [
        (str(bound), sum(count for seconds, count in durations.bins if seconds <= bound))
        for bound in BUCKETS
    ]
    return [*bounds, ("+Inf", sum(count for _, count in durations.bins))]


class _Writer:
    """Writes a system's metrics where the other workers' are; the engine never has it do so twice.

    A registry's collectors are not asked for that: only the client's own instruments are.
    """

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._told: dict[_Key, float | Distribution] = {}

    def write(self) -> None:
        """Write what has changed."""
        before, self._told = self._told, {}
        for sample in self._numbers.collect():
            key = (sample.metric, sample.labels)
            self._told[key] = sample.value
            if sample.value != before.get(key):
                _write(sample, before.get(key))
        for metric, labels in before.keys() - self._told.keys():
            if metric.kind is Kind.GAUGE:  # what it was of is no more
                _child(_instrument(metric), labels).set(_NEUTRAL[metric.together])


_Key = tuple[Metric, tuple[str, ...]]

_NEUTRAL = {Together.SUM: 0.0, Together.MOST: 0.0, Together.LEAST: inf}
"""What leaves the other workers' value as it is; no score or state is below zero."""


def _write(sample: Sample, before: float | Distribution | None) -> None:
    metric, labels, value = sample
    child = _child(_instrument(metric), labels)
    if isinstance(value, Distribution):
        seen = dict(before.bins) if isinstance(before, Distribution) else {}
        for seconds, count in value.bins:
            for _ in range(count - seen.get(seconds, 0)):
                child.observe(seconds)
    elif metric.kind is Kind.COUNTER:
        child.inc(max(0.0, value - (before if isinstance(before, float | int) else 0.0)))
    else:
        child.set(value)


def _child(instrument: Any, labels: tuple[str, ...]) -> Any:
    return instrument.labels(*labels) if labels else instrument


def _instrument(metric: Metric) -> Any:
    from prometheus_client import Counter, Gauge, Histogram

    if metric.name not in _instruments:
        what: dict[str, Any] = {"labelnames": metric.labels, "registry": None}
        match metric.kind:
            case Kind.COUNTER:
                made: Any = Counter(metric.name, metric.text, **what)
            case Kind.GAUGE:
                mode: Any = f"live{metric.together}"
                made = Gauge(metric.name, metric.text, multiprocess_mode=mode, **what)
            case Kind.HISTOGRAM:
                made = Histogram(metric.name, metric.text, buckets=BUCKETS, **what)
        _instruments.setdefault(metric.name, made)
    return _instruments[metric.name]


_instruments: dict[str, Any] = {}  # a file has a name's value once for a process


def _bury(shared: Path) -> None:
    """Forget the gauges of workers that have ended, whatever ended them; their counters stay.

    Where workers go by other names than their process's number it is the server's to say.
    """
    from prometheus_client import multiprocess

    workers: Any = multiprocess  # it has no types
    names = {each.stem.rpartition("_")[2] for each in shared.glob("*.db")}
    if str(os.getpid()) in names and os.name == "posix":
        for name in names:
            if name.isdecimal() and not _runs(int(name)):
                with suppress(FileNotFoundError):  # another scrape was faster
                    workers.mark_process_dead(int(name), str(shared))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)  # another user's runs, too
    return True
