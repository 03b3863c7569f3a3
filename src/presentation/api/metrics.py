"""`GET /metrics` for Prometheus, made from the status row when it is asked for.

So the figures are right in every role, and a connection that is gone leaves no series behind. They are labelled by
connection, never by symbol: a market has 11,000 of those.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from src.core.domain.connection.health import Condition
from src.core.domain.market.session import Phase
from src.core.services.measurement_service import Connection, Measurement
from src.presentation.api.metric_tables import CONNECTION_FIGURES, ROW_FIGURES, Figure, seconds

_CONNECTION = ("connection", "name")


class DiskSpace:
    """What is free where the data are kept, in bytes; `measure` gives (total, used, free) as shutil.disk_usage does."""

    def __init__(self, measure: Callable[[], tuple[int, int, int]]) -> None:
        self._measure = measure

    def metrics(self) -> Iterable[Metric]:
        """Nothing where the folder cannot be looked at."""
        try:
            total, _, free = self._measure()
        except OSError:
            return
        yield GaugeMetricFamily("tickstock_disk_free_bytes", "Free space where DATA_DIR is.", value=free)
        yield GaugeMetricFamily("tickstock_disk_size_bytes", "The size of the file system of DATA_DIR.", value=total)


class StatusCollector(Collector):
    """Turns a measurement into metrics, at each scrape."""

    def __init__(self, measure: Callable[[], Measurement], disk: DiskSpace, version: str) -> None:
        self._measure = measure
        self._disk = disk
        self._version = version

    def describe(self) -> Iterable[Metric]:
        """Nothing: a registry would otherwise collect once to learn the names."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """All metrics but those of the process."""
        measured = self._measure()
        yield _info("tickstock_build_info", "The program's version.", "version", self._version)
        up = "Whether the database answers this process: 1 or 0."
        yield GaugeMetricFamily("tickstock_database_up", up, value=measured.database_up)
        yield from self._disk.metrics()
        yield from _session(measured)
        if measured.feed is not None:
            yield _info("tickstock_feed_info", "Which feed fills the database.", "feed", measured.feed)
        if measured.row is not None:
            yield from _of_row(measured, measured.row)
            yield from _of_connections(measured)


def _session(measured: Measurement) -> Iterable[Metric]:
    yield _one_of("tickstock_session_phase", "The phase of the trading day.", "phase", Phase, measured.phase)
    expected = "Whether bars are expected: 1 before, in and after the regular session, and always of a simulated feed."
    yield GaugeMetricFamily("tickstock_session_open", expected, value=measured.bars_expected)


def _of_row(measured: Measurement, row: Mapping[str, Any]) -> Iterable[Metric]:
    age = "Age of the ingesting process's last report; it reports each second."
    yield GaugeMetricFamily("tickstock_status_age_seconds", age, value=seconds(measured.at_ms - row["written_at"]))
    words = "The feed's condition, over all connections: 1 for the one that holds."
    yield _one_of("tickstock_feed_condition", words, "condition", Condition, measured.health.condition)
    for figure in ROW_FIGURES:
        family = figure.family()
        for labels, value in figure.samples(row):
            family.add_metric(labels, value)
        if family.samples:
            yield family
    quiet = "How long ago the last aggregate came."
    if row["last_tick_time"] is not None:
        since_ms = measured.at_ms - row["last_tick_time"]
        yield GaugeMetricFamily("tickstock_since_last_aggregate_seconds", quiet, value=seconds(since_ms))


def _of_connections(measured: Measurement) -> Iterable[Metric]:
    connections = measured.connections
    up = GaugeMetricFamily("tickstock_connection_up", "Whether the connection is up: 1 or 0.", labels=_CONNECTION)
    quiet = GaugeMetricFamily(
        "tickstock_connection_since_last_message_seconds", "How long ago its last message came.", labels=_CONNECTION
    )
    start = GaugeMetricFamily(
        "tickstock_connection_start_timestamp_seconds",
        "When its key was accepted; no sample while it is down.",
        labels=_CONNECTION,
    )
    condition = GaugeMetricFamily(
        "tickstock_connection_condition", "Its condition: 1 for the one that holds.", labels=(*_CONNECTION, "condition")
    )
    for connection in connections:
        labels = labels_of(connection)
        up.add_metric(labels, measured.reports and connection.entry["status"] == "connected")
        if connection.entry["last_message_time"] is not None:
            quiet.add_metric(labels, seconds(measured.at_ms - connection.entry["last_message_time"]))
        if measured.reports and connection.entry["connected_at"] is not None:
            start.add_metric(labels, seconds(connection.entry["connected_at"]))
        for kind in Condition:
            condition.add_metric((*labels, kind), connection.health.condition is kind)
    yield from (up, quiet, start, condition)
    yield from (_figure_of_connections(figure, connections) for figure in CONNECTION_FIGURES)


def _figure_of_connections(figure: Figure, connections: Iterable[Connection]) -> Metric:
    family = figure.family(_CONNECTION)
    for connection in connections:
        for labels, value in figure.samples(connection.entry):
            family.add_metric((*labels_of(connection), *labels), value)
    return family


def labels_of(connection: Connection) -> tuple[str, str]:
    """The values of the labels `connection` and `name`."""
    return connection.entry["connection_id"], connection.entry["name"]


def _info(name: str, words: str, label: str, value: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=(label,))
    family.add_metric((value,), 1)
    return family


def _one_of(name: str, words: str, label: str, kinds: Iterable[str], holds: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=(label,))
    for kind in kinds:
        family.add_metric((kind,), kind == holds)
    return family


def metrics_blueprint(measure: Callable[[], Measurement], disk: DiskSpace, version: str) -> Blueprint:
    """`/metrics`, from a registry of its own."""
    blueprint = Blueprint("metrics", __name__)
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(StatusCollector(measure, disk, version))

    @blueprint.get("/metrics")
    def metrics() -> Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(encode(registry), content_type=content_type, headers={"Cache-Control": "no-store"})

    return blueprint
