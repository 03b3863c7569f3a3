"""Which figures of the status row and of its connections become metrics, and under which names.

Names and units follow Prometheus: seconds and bytes, `_total` for what only grows (and begins anew with the process).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

# How the repair of gaps can be.
REPAIR_STATES = ("idle", "asking", "waiting", "paused", "refused")
_DIFFERENCES = ("differed", "added", "withdrawn")

Entry = Mapping[str, Any]
Samples = Iterable[tuple[tuple[str, ...], float]]


class Figure(NamedTuple):
    """A metric: its name, its help, its own labels, and where its samples come from."""

    name: str
    help: str
    samples: Callable[[Entry], Samples]
    labels: tuple[str, ...] = ()

    def family(self, labels: Sequence[str] = ()) -> CounterMetricFamily | GaugeMetricFamily:
        """A new, empty family, with `labels` before its own."""
        kind = CounterMetricFamily if self.name.endswith("_total") else GaugeMetricFamily
        return kind(self.name, self.help, labels=(*labels, *self.labels))


def seconds(duration_ms: float) -> float:
    """Milliseconds as seconds."""
    return duration_ms / 1000


def _value(*path: str) -> Callable[[Entry], Samples]:
    """What stands at a path; no sample where it is null, or absent as in a row of an older version."""

    def samples(entry: Entry) -> Samples:
        value = _at(entry, path)
        return [] if value is None else [((), value)]

    return samples


def _milliseconds(*path: str) -> Callable[[Entry], Samples]:
    read = _value(*path)
    return lambda entry: [(labels, seconds(value)) for labels, value in read(entry)]


def _by_key(*path: str) -> Callable[[Entry], Samples]:
    """A sample for each key of the mapping at a path."""
    return lambda entry: [((key,), value) for key, value in (_at(entry, path) or {}).items()]


def _at(entry: Any, path: Sequence[str]) -> Any:
    for key in path:
        entry = None if entry is None else entry.get(key)
    return entry


def _latency(row: Entry) -> Samples:
    names = {"p50": "0.5", "p99": "0.99"}
    measured = _at(row, ("pipeline", "event_to_commit_ms")) or {}
    return [((names[key],), seconds(measured[key])) for key in names if measured.get(key) is not None]


def _failing(row: Entry) -> Samples:
    return [((), row["writer"]["failing_for_s"] or 0.0)]


def _repair_state(row: Entry) -> Samples:
    present = _at(row, ("repair", "state"))
    return [] if present is None else [((state,), state == present) for state in REPAIR_STATES]


def _compared(row: Entry) -> Samples:
    last = _at(row, ("reconciliation", "last")) or {}
    return [((kind,), last[kind]) for kind in _DIFFERENCES if kind in last]


ROW_FIGURES = (
    Figure("tickstock_aggregates_total", "Aggregates taken from the feed.", _value("ticks")),
    Figure("tickstock_lost_frames_total", "Frames that could not be read.", _value("lost_frames")),
    Figure(
        "tickstock_last_aggregate_timestamp_seconds", "When the last aggregate came.", _milliseconds("last_tick_time")
    ),
    Figure(
        "tickstock_watermark_timestamp_seconds",
        "The newest event time of the feed; far behind the clock in a session, the data are delayed.",
        _milliseconds("book", "watermark"),
    ),
    Figure("tickstock_open_minutes", "Minutes of symbols that are being built.", _value("book", "open_minutes")),
    Figure(
        "tickstock_late_aggregates_total",
        "Seconds that came after their minute was closed, and built nothing.",
        _value("book", "late_seconds"),
    ),
    Figure("tickstock_bars_committed_total", "Bars committed, each version of one counted.", _value("writer", "rows")),
    Figure("tickstock_commits_total", "Transactions that committed bars.", _value("writer", "commits")),
    Figure("tickstock_refused_rows_total", "Bars that the database refused.", _value("writer", "refused_rows")),
    Figure(
        "tickstock_waiting_bars",
        "Bars that wait to be committed, in memory and in the spool.",
        _value("writer", "waiting_bars"),
    ),
    Figure(
        "tickstock_last_commit_duration_seconds", "How long the last commit took.", _value("writer", "last_commit_s")
    ),
    Figure("tickstock_live_flush_seconds", "How long live bars wait now.", _milliseconds("writer", "live_flush_ms")),
    Figure("tickstock_writer_failing_seconds", "How long commits have been failing; 0 while they do not.", _failing),
    Figure(
        "tickstock_event_to_commit_seconds",
        "From an event's arrival to its commit, over the last minute; by quantile.",
        _latency,
        ("quantile",),
    ),
    Figure("tickstock_spooled_bars", "Bars in the spool, on disk.", _value("writer", "storage", "spooled_bars")),
    Figure("tickstock_spooled_bytes", "Size of the spool.", _value("writer", "storage", "spooled_bytes")),
    Figure("tickstock_spool_limit_bytes", "Its largest size.", _value("writer", "storage", "spool_limit_bytes")),
    Figure(
        "tickstock_storage_room_seconds",
        "How long there is room for bars that wait, at the present rate; no sample while the database takes them.",
        _value("writer", "storage", "lasts_s"),
    ),
    Figure("tickstock_bars_bytes", "What the bars take.", _value("retention", "forecast", "size_bytes")),
    Figure(
        "tickstock_bars_growth_bytes_per_day",
        "By how much that grew a day, in the last week.",
        _value("retention", "forecast", "bytes_a_day"),
    ),
    Figure(
        "tickstock_pruned_bars_total",
        "Bars that were dropped, since they were older than what is kept.",
        _value("retention", "dropped_bars"),
    ),
    Figure(
        "tickstock_pattern_waiting_symbols",
        "Symbols with bars that are still to be looked at for patterns.",
        _value("patterns", "waiting_symbols"),
    ),
    Figure(
        "tickstock_pattern_dropped_ticks_total",
        "Ticks that could not tell the search for patterns where to look; it looks at everything then.",
        _value("patterns", "dropped_ticks"),
    ),
    Figure("tickstock_patterns_found_total", "Patterns that were found.", _value("patterns", "found")),
    Figure(
        "tickstock_patterns_taken_back_total",
        "Patterns that corrected bars showed no more.",
        _value("patterns", "taken_back"),
    ),
    Figure("tickstock_lost_bars_total", "Bars for which there was no room.", _value("writer", "storage", "lost_bars")),
    Figure(
        "tickstock_damaged_spool_rows_total",
        "Rows of the spool that could not be read.",
        _value("writer", "storage", "damaged_rows"),
    ),
    Figure("tickstock_open_gaps", "Gaps that are not closed.", _value("repair", "open_gaps")),
    Figure("tickstock_repair_waiting_symbols", "Symbols still to be asked for.", _value("repair", "waiting_symbols")),
    Figure("tickstock_repair_requests_total", "Requests that asked for gaps.", _value("repair", "asked")),
    Figure("tickstock_repaired_bars_total", "Bars put right by that.", _value("repair", "repaired_bars")),
    Figure("tickstock_repair_state", "How the repair is: 1 for the state that holds.", _repair_state, ("state",)),
    Figure(
        "tickstock_reconciled_bars",
        "Bars of the day compared last that were not the final ones, by what was wrong with them.",
        _compared,
        ("kind",),
    ),
    Figure(
        "tickstock_reconciliation_timestamp_seconds",
        "When a day was last compared with the final bars.",
        _milliseconds("reconciliation", "last", "finished_at"),
    ),
)

CONNECTION_FIGURES = (
    Figure("tickstock_connection_enabled", "Whether the settings switch it on: 1 or 0.", _value("enabled")),
    Figure("tickstock_connection_granted", "0 while the plan grants fewer connections; it rests.", _value("granted")),
    Figure("tickstock_connection_tickers", "Tickers that it carries now.", _value("ticker_count")),
    Figure("tickstock_connection_own_tickers", "Tickers that it is configured for.", _value("own_ticker_count")),
    Figure("tickstock_connection_lent_tickers", "Tickers of its own that others carry now.", _value("lent")),
    Figure("tickstock_connection_borrowed_tickers", "Tickers of others that it carries now.", _value("borrowed")),
    Figure("tickstock_connection_ticker_limit", "The most tickers that it takes on.", _value("ticker_limit")),
    Figure("tickstock_connection_wanted_topics", "Topics that it wants.", _value("wanted_topics")),
    Figure(
        "tickstock_connection_acknowledged_topics", "Topics that the feed acknowledged.", _value("acknowledged_topics")
    ),
    Figure("tickstock_connection_frames_total", "Frames read.", _value("frames")),
    Figure("tickstock_connection_messages_total", "Aggregates read.", _value("messages")),
    Figure("tickstock_connection_reconnects_total", "Accepted keys after the first.", _value("reconnects")),
    Figure("tickstock_connection_errors_total", "Errors, by kind.", _by_key("errors_by_kind"), ("kind",)),
    Figure(
        "tickstock_connection_refused_elements_total",
        "Elements and frames that could not be used, by kind.",
        _by_key("refused_elements"),
        ("kind",),
    ),
    Figure(
        "tickstock_connection_last_message_timestamp_seconds",
        "When its last message came.",
        _milliseconds("last_message_time"),
    ),
)
