"""Status rows as the ingesting half writes them, for tests of what is made from them; times are epoch ms."""

from typing import Any

from tests.bars import MINUTE

NOW = MINUTE + 3_600_500  # 10:30 New York on a trading day, in the regular session
ADDRESS = "wss://socket.massive.com/stocks"

Row = dict[str, Any]


def connection(number: int = 1, now_ms: int = NOW, **changes: Any) -> Row:
    """A connection that is live with 100 tickers, but for `changes`."""
    return {
        "id": number,
        "connection_id": f"connection_{number}",
        "name": {1: "primary"}.get(number, f"connection_{number}"),
        "enabled": True,
        "paused": False,
        "granted": True,
        "movable": True,
        "status": "connected",
        "reason": "The feed accepted the key.",
        "refusal": None,
        "url": ADDRESS,
        "connected_at": now_ms - 600_000,
        "last_message_time": now_ms - 400,
        "frames": 900,
        "messages": 15_000,
        "reconnects": 1,
        "errors": 2,
        "errors_by_kind": {"dropped": 1, "failed_attempt": 1},
        "refused_elements": {},
        "wanted_topics": 200,
        "acknowledged_topics": 200,
        "missing_topics": [],
        "silent_topics": [],
        "ticker_count": 100,
        "own_ticker_count": 100,
        "lent": 0,
        "borrowed": 0,
        "ticker_limit": 1000,
        "messages_per_second": 25.4,
        "rates": [25] * 60,
        **changes,
    }


def down(number: int, reason: str, status: str = "disconnected", now_ms: int = NOW, **changes: Any) -> Row:
    """A connection that is not connected, without tickers: the others carry them."""
    silent = {"connected_at": None, "acknowledged_topics": 0, "messages_per_second": 0.0, "rates": [25] * 50 + [0] * 10}
    left = {"last_message_time": now_ms - 9_000, "wanted_topics": 0, "ticker_count": 0, "lent": 100}
    return connection(number, now_ms, status=status, reason=reason, **{**silent, **left, **changes})


def row(*connections: Row, feed: str = "massive", now_ms: int = NOW, **changes: Any) -> Row:
    """A status row of these connections, written half a second before `now_ms`, but for `changes`."""
    connected = [entry for entry in connections if entry["status"] == "connected"]
    overall = (connected or connections)[0]
    return {
        "written_at": now_ms - 500,
        "feed": feed,
        "trouble": "",
        "mode": "single" if len(connections) == 1 else "multi",
        "universe_size": sum(entry["own_ticker_count"] for entry in connections),
        "connection": {**overall, "status": "connected" if connected else overall["status"]},
        "connections": list(connections),
        "ticks": sum(entry["messages"] for entry in connections),
        "last_tick_time": now_ms - 400,
        "lost_frames": 0,
        "last_lost_frame_time": None,
        "book": {"watermark": now_ms - 1_500, "open_minutes": 300, "late_seconds": 0},
        "writer": {
            "commits": 100,
            "rows": 9_000,
            "refused_rows": 0,
            "waiting_bars": 0,
            "last_commit_s": 0.004,
            "live_flush_ms": 20,
            "failing_for_s": None,
            "storage": storage(),
        },
        "gaps": {"missing_symbols": 0, "missing": [], "unwritten": 0, "behind_ms": 1_200},
        "repair": repair(),
        "reconciliation": reconciliation(now_ms),
        "retention": retention(),
        "patterns": patterns(),
        "daily": {
            "waiting_symbols": 0,
            "rebuilding": False,
            "vendor_date": "2025-11-19",
            "vendor_dates": 300,
            "last_error": None,
        },
        "history": {"state": "running", "id": "load", "done": 11, "total": 22, "per_minute": 5.5, "waiting": 0},
        "desk": {"waiting_events": 0, "dropped_events": 0},
        "pipeline": {"event_to_commit_ms": {"p50": 9.5, "p99": 41.0, "count": 4_500}, "waiting_bars": 7},
        **changes,
    }


def repair(**changes: Any) -> Row:
    """The repair of gaps with nothing to do, but for `changes`."""
    return {
        "state": "idle",
        "words": "No gap is open.",
        "open_gaps": 0,
        "waiting_symbols": 0,
        "asked": 140,
        "repaired_bars": 2_300,
        "rate_per_minute": 5.0,
        "now": None,
        "empty_at": None,
        "last_error": None,
        **changes,
    }


def reconciliation(now_ms: int = NOW, **changes: Any) -> Row:
    """The comparison of days with the final bars, between two days, but for `changes`."""
    last = {
        "date": "2025-11-19",
        "state": "done",
        "bars": 39_000,
        "differed": 12,
        "added": 3,
        "withdrawn": 1,
        "failed": 0,
        "finished_at": now_ms - 3_600_000,
    }
    return {"state": "idle", "date": None, "done": 0, "total": 0, "last": last, **changes}


def retention(**changes: Any) -> Row:
    """What a service tells that keeps a year of minutes on a disk with room."""
    forecast = {
        "measured_at": NOW, "size_bytes": 3_000_000_000, "bytes_a_day": 1e8, "free_bytes": 20_000_000_000,
        "full_in_days": 200.0, "words": "The bars take 3.0 GB and grow by 0.1 GB a day.",
    }  # fmt: skip
    return {"keep_days": 365, "pruning": False, "dropped_bars": 0, "forecast": forecast, **changes}


def patterns(**changes: Any) -> Row:
    """What the search for patterns tells with nothing to do, but for `changes`."""
    return {
        "waiting_ticks": 0,
        "dropped_ticks": 0,
        "waiting_symbols": 0,
        "looks": 12_000,
        "found": 1_234,
        "taken_back": 5,
        "last_found_at": NOW - 2_000,
        **changes,
    }


def storage(**changes: Any) -> Row:
    """What the writer tells of a database that takes all bars, but for `changes`."""
    return {
        "since": None,
        "reason": None,
        "memory_bars": 0,
        "memory_limit": 1_000_000,
        "spooled_bars": 0,
        "spooled_bytes": 0,
        "spool_limit_bytes": 1_000_000_000,
        "lasts_s": None,
        "lost_bars": 0,
        "damaged_rows": 0,
        **changes,
    }


def single_live(now_ms: int = NOW) -> Row:
    """One connection, live."""
    return row(connection(now_ms=now_ms), now_ms=now_ms)


def multi_live(now_ms: int = NOW) -> Row:
    """Three connections, all live."""
    return row(*(connection(number, now_ms) for number in (1, 2, 3)), now_ms=now_ms)


def one_down(now_ms: int = NOW) -> Row:
    """The second of three is down; the other two carry its tickers."""
    reason = "The feed closed the connection (code 1006). Trying again in 4 s."
    carrying = {"ticker_count": 150, "borrowed": 50, "wanted_topics": 300, "acknowledged_topics": 300}
    gone = down(2, reason, now_ms=now_ms)
    return row(connection(1, now_ms, **carrying), gone, connection(3, now_ms, **carrying), now_ms=now_ms)


def one_paused(now_ms: int = NOW) -> Row:
    """The third of three was paused by an administrator."""
    paused = down(3, "Paused by admin; the other connections carry its tickers.", paused=True, now_ms=now_ms)
    carrying = {"ticker_count": 150, "borrowed": 50, "wanted_topics": 300, "acknowledged_topics": 300}
    return row(connection(1, now_ms, **carrying), connection(2, now_ms, **carrying), paused, now_ms=now_ms)


def fewer_granted(now_ms: int = NOW) -> Row:
    """Three are configured, the plan grants two."""
    reason = "The plan grants 2 connections, 3 are configured: this one rests, and the others carry its tickers."
    carrying = {"ticker_count": 150, "borrowed": 50, "wanted_topics": 300, "acknowledged_topics": 300}
    resting = down(3, reason, granted=False, now_ms=now_ms)
    return row(connection(1, now_ms, **carrying), connection(2, now_ms, **carrying), resting, now_ms=now_ms)


def one_disabled(now_ms: int = NOW) -> Row:
    """The second of two is switched off by the settings."""
    off = down(2, "Not enabled.", enabled=False, own_ticker_count=0, lent=0, messages=0, errors=0, now_ms=now_ms)
    return row(connection(1, now_ms), off, now_ms=now_ms)


def wildcard(now_ms: int = NOW) -> Row:
    """One connection that listens to the whole market, which cannot be moved."""
    whole = {"movable": False, "ticker_count": 1, "own_ticker_count": 1, "wanted_topics": 2, "acknowledged_topics": 2}
    return row(connection(now_ms=now_ms, **whole), now_ms=now_ms, universe_size=None)


def refused_key(now_ms: int = NOW) -> Row:
    """One connection, whose key the feed refused."""
    reason = (
        "The feed refused the key (authentication failed); correct MASSIVE_API_KEY and start TickStock again."
        " Trying again in 15 min."
    )
    nothing = {"messages": 0, "last_message_time": now_ms - 100, "errors": 1, "errors_by_kind": {"refused_key": 1}}
    own = {"refusal": "refused_key", "wanted_topics": 200, "ticker_count": 100, "lent": 0, "reconnects": 0}
    refused = down(1, reason, "error", now_ms, **nothing, **own)
    return row(refused, now_ms=now_ms, last_tick_time=None, ticks=0, book=_EMPTY_BOOK)


def delayed_data(now_ms: int = NOW) -> Row:
    """One connection, live, whose data are 15 minutes behind the clock."""
    return row(
        connection(now_ms=now_ms),
        now_ms=now_ms,
        book={"watermark": now_ms - 900_000, "open_minutes": 100, "late_seconds": 0},
    )


def gaps_open(now_ms: int = NOW) -> Row:
    """Three connections, live, after a night in which much was missed: it is asked for, and a day is compared."""
    asking = repair(
        state="asking",
        words="Asking for AAPL; 57 symbols wait, liquid ones first.",
        open_gaps=4,
        waiting_symbols=57,
        now="AAPL",
        empty_at=now_ms + 720_000,
    )
    comparing = reconciliation(now_ms, state="running", date="2025-11-20", done=40, total=100)
    row_ = multi_live(now_ms)
    return {**row_, "repair": asking, "reconciliation": comparing}


def repair_refused(now_ms: int = NOW) -> Row:
    """One connection, live; the REST side refuses the key."""
    refused = repair(
        state="refused",
        words="The vendor refuses the key for history; it is asked again in 15 min.",
        open_gaps=1,
        waiting_symbols=100,
        last_error="The key is not entitled to this data.",
    )
    return {**single_live(now_ms), "repair": refused, "reconciliation": None}


def database_away(now_ms: int = NOW) -> Row:
    """Three connections, live; the database has taken nothing for ten minutes."""
    row_ = multi_live(now_ms)
    away = storage(
        since=now_ms - 600_000,
        reason="The database does not answer (connection refused).",
        memory_bars=345,
        spooled_bars=12_000,
        spooled_bytes=1_900_000,
        lasts_s=32_400,
    )
    writer = {**row_["writer"], "waiting_bars": 12_345, "failing_for_s": 600.0, "storage": away}
    return {**row_, "writer": writer}


_EMPTY_BOOK = {"watermark": None, "open_minutes": 0, "late_seconds": 0}

EVERY_ROW = (
    single_live, multi_live, one_down, one_paused, fewer_granted, one_disabled, wildcard, refused_key, delayed_data,
    gaps_open, repair_refused, database_away,
)  # fmt: skip


def assignment(changed_at: int = NOW) -> Row:
    """The row `assignment` while the second of three connections is down."""
    return {
        "changed_at": changed_at,
        "tickers": {"connection_1": ["AAPL", "MSFT"], "connection_2": [], "connection_3": ["NVDA", "TSLA"]},
        "moved": {"MSFT": "connection_2", "TSLA": "connection_2"},
    }
