"""What administrators are told of the connections to the feed."""

from src.core.domain.market.gaps import GapReason, GapState
from src.core.domain.market.reconciliation import RunState
from src.presentation.api.metric_tables import REPAIR_STATES
from src.presentation.api.openapi.parts import (
    Part,
    count,
    fields,
    flag,
    items,
    mapping,
    moment,
    number,
    or_null,
    ref,
    text,
    whole,
)

_ID = text("Such as `connection_1`.")

SCHEMAS: dict[str, Part] = {
    "Connection": fields(
        {
            "id": whole("Its number.", minimum=1),
            "connection_id": _ID,
            "name": text("As the settings call it."),
            "enabled": flag("The settings switch it on."),
            "status": text(enum=["disconnected", "connecting", "connected", "error"]),
            "condition": ref("Condition"),
            "reason": text("The condition in a sentence."),
            "paused": flag("An administrator paused it. A new start of ingestion forgets that."),
            "granted": flag("The plan grants it; else it rests."),
            "movable": flag("Its tickers can move to others; those of the whole market (`*`) cannot."),
            "ticker_count": count("Tickers that it carries now."),
            "own_ticker_count": count("Tickers that the settings give it."),
            "lent": count("Of its own, those that others carry now."),
            "borrowed": count("Of what it carries, those of others."),
            "ticker_limit": count("Tickers that it takes over up to."),
            "url": text("The feed's address."),
            "message_count": count("Aggregates since the start."),
            "messages_per_second": number("Over the last 5 s.", minimum=0),
            "rates": items(count(), "Aggregates of each of the last 60 s, oldest first.", maxItems=60),
            "error_count": count("Since the start."),
            "errors_by_kind": mapping(count(), "The same by kind."),
            "reconnect_count": count("Since the start."),
            "wanted_topics": count("Topics asked for."),
            "acknowledged_topics": count("Of those, the feed acknowledged so many."),
            "missing_topics": items(text(), "Some of the others."),
            "silent_topics": items(
                text(),
                "Topics of which nothing came in 15 minutes of regular session, though acknowledged.",
                maxItems=20,
            ),
            "last_message_time": or_null(moment("When its last message came.")),
            "connected_at": or_null(moment("When the feed accepted the key.")),
            "uptime_seconds": count("Since then; 0 while it is down."),
        },
        description="A connection to the feed.",
    ),
    "Pipeline": fields(
        {
            "event_to_commit_ms": fields(
                {
                    "p50": or_null(number("Milliseconds.")),
                    "p99": or_null(number("Milliseconds.")),
                    "count": count("Bars of the last minute that were measured."),
                },
                description="From an aggregate's arrival to its commit.",
            ),
            "waiting_bars": count("Bars that wait for their commit."),
        },
    ),
    "Repair": fields(
        {
            "state": text("`refused`: the vendor refuses the key.", enum=list(REPAIR_STATES)),
            "words": text("The same in a sentence."),
            "open_gaps": count("Gaps that are not closed."),
            "waiting_symbols": count("Symbols that are still to be asked for."),
            "asked": count("Requests since the start of ingestion."),
            "repaired_bars": count("Bars that were missing or wrong, and were put right since then."),
            "rate_per_minute": number("Requests a minute that are allowed.", minimum=0),
            "now": or_null(text("The symbol that is being asked for.")),
            "empty_at": or_null(moment("When nothing will wait any more, at that rate.")),
            "last_error": or_null(text("Why the last request that failed did, in a sentence.")),
        },
        description="How the repair of gaps from the vendor's REST side does.",
    ),
    "ReconciliationNow": fields(
        {
            "state": text("`waiting`: for the repair of gaps.", enum=["idle", "running", "waiting"]),
            "date": or_null(text("The trading day that is being compared, New York.")),
            "done": count("Symbols of it that were."),
            "total": count("Of so many."),
            "last": or_null(
                fields(
                    {
                        "date": text("The trading day that was compared last."),
                        "state": text("`failed`: some symbols could not be compared.", enum=["done", "failed"]),
                        "bars": count("Bars that were compared."),
                        "differed": count("Bars whose values were not the final ones."),
                        "added": count("Bars that were missing."),
                        "withdrawn": count("Bars that the vendor has no more."),
                        "failed": count("Symbols that could not be compared."),
                        "finished_at": moment("When that was done."),
                    }
                )
            ),
        },
        description="How the comparison of past days with the vendor's final bars does.",
    ),
    "Retention": fields(
        {
            "keep_days": or_null(whole("How many days of minutes are kept; null: all.", minimum=7)),
            "pruning": flag("Older minutes are being dropped."),
            "dropped_bars": count("Dropped since the start."),
            "forecast": or_null(
                fields(
                    {
                        "measured_at": moment("When that was measured; it is each hour."),
                        "size_bytes": count("What the bars take."),
                        "bytes_a_day": or_null(number("By how much that grows a day.", minimum=0)),
                        "free_bytes": or_null(count("Room on the disk; null on a server's.")),
                        "full_in_days": or_null(number("Null where that is not known, or never.", minimum=0)),
                        "words": text("The same as a sentence."),
                    }
                )
            ),
        },
        description="How long minutes are kept, and how long the disk lasts.",
    ),
    "PatternSearch": fields(
        {
            "waiting_ticks": count("Symbols of which a tick tells to look at them."),
            "dropped_ticks": count("Of these, for which there was no room, since the start; nothing is lost by it."),
            "waiting_symbols": count("Symbols with bars that are still to be looked at."),
            "looks": count("Bars of a symbol and timeframe were looked at so often, since the start."),
            "found": count("Patterns that were found, or found changed, since the start."),
            "taken_back": count("Those that corrected bars showed no more, since the start."),
            "last_found_at": or_null(moment("When the last one was found.")),
        },
        description="How the search for patterns does.",
    ),
    "Storage": fields(
        {
            "since": or_null(moment("Since when the database takes no bars; null while it does.")),
            "reason": or_null(text("Why, in a sentence.")),
            "memory_bars": count("Bars that wait in memory."),
            "memory_limit": count("At most so many can."),
            "spooled_bars": count("Bars that wait in the spool, on the local disk."),
            "spooled_bytes": count("Its size."),
            "spool_limit_bytes": count("At most so large."),
            "lasts_s": or_null(number("Seconds for which there is room, at the present rate.", minimum=0)),
            "lost_bars": count("Bars for which there was no room since the start; gaps tell which."),
            "damaged_rows": count("Rows of the spool that could not be read at the start."),
        },
        description="Where bars wait while the database does not take them.",
    ),
    "ConnectionStatus": fields(
        {
            "mode": text(enum=["single", "multi"]),
            "connections": items(ref("Connection"), "In single mode, one."),
            "summary": fields(
                {
                    "total_connections": count(),
                    "enabled_count": count(),
                    "connected_count": count(),
                    "total_tickers": count("Carried now."),
                    "total_ticks_received": count("Since the start."),
                    "total_errors": count("Since the start."),
                }
            ),
            "answers": items(
                fields(
                    {
                        "question": text(),
                        "answer": text("A sentence."),
                        "ok": {"type": ["boolean", "null"], "description": "None while it cannot be known."},
                    }
                ),
                "Is the key right, is the plan right, is this delayed data?",
            ),
            "pipeline": ref("Pipeline"),
            "repair": or_null(ref("Repair")),
            "reconciliation": or_null(ref("ReconciliationNow")),
            "storage": or_null(ref("Storage")),
            "retention": or_null(ref("Retention")),
            "patterns": or_null(ref("PatternSearch")),
            "feed": ref("Feed"),
            "session": ref("Session"),
            "ingest_age_ms": or_null(whole("How long ago ingestion reported; it does so each second.")),
            "timestamp": moment("The server's clock."),
        }
    ),
    "Gap": fields(
        {
            "id": text(),
            "scope": text("What was hit: a connection's id, a symbol, or `*`."),
            "symbols": or_null(items(text(), "The first 20; null for all that are listened to.", maxItems=20)),
            "symbols_total": or_null(count("How many there are; null until its repair begins.")),
            "symbols_done": count("Of these, so many are done with."),
            "from": moment("The start of its first minute, by the feed's time."),
            "to": or_null(moment("The start of its last minute; null while it grows.")),
            "reason": text(enum=[reason.value for reason in GapReason]),
            "detail": text("A sentence."),
            "state": text(
                "`waiting`: filled, and to be checked once the vendor's answers have settled.",
                enum=[state.value for state in GapState],
            ),
            "attempts": count("Requests about it."),
            "repaired_bars": count("Bars that were missing or wrong."),
            "trouble": or_null(text("Of one symbol, why it could not be repaired so far.")),
            "opened_at": moment("When it was noticed."),
            "checked_at": or_null(moment("When it was last asked about.")),
            "due_at": or_null(moment("When it is to be asked about next.")),
            "closed_at": or_null(moment("When it was done with.")),
        },
        description="Minutes of which something may be missing.",
    ),
    "Gaps": fields(
        {
            "totals": fields(
                {
                    **{state.value: count("Gaps in this state.") for state in GapState},
                    "repaired_bars": count("Of all gaps that are kept."),
                    "waiting_symbols": count("Symbols that are still to be asked for."),
                    "next_due_at": or_null(moment("When the first of them is due.")),
                },
                description="Of all gaps that are kept.",
            ),
            "gaps": items(ref("Gap")),
        }
    ),
    "Reconciliation": fields(
        {
            "id": text(),
            "date": text("The day, New York.", format="date"),
            "source": text(enum=["rest", "flat_file"]),
            "symbols": or_null(items(text(), "The first 20 that were asked for; null for all that are kept.")),
            "state": text("`running` also when it was interrupted.", enum=[state.value for state in RunState]),
            "started_at": moment("When it began."),
            "finished_at": or_null(moment("When it ended.")),
            "symbols_total": count("Symbols to be compared."),
            "symbols_done": count("Of these, so many were."),
            "bars": count("Bars that were compared."),
            "added": count("Bars that were missing."),
            "differed": count("Bars that had other values."),
            "withdrawn": count("Bars that the vendor has no more."),
            "symbols_failed": count("Symbols that could not be compared."),
            "failed": mapping(text(), "The first 20 of them, each with the reason."),
            "detail": text("A sentence, if it ended before its last symbol."),
        },
        description="A day that was compared with the vendor's bars.",
    ),
    "Reconciliations": fields({"reconciliations": items(ref("Reconciliation"), "Newest first.")}),
    "ConnectionEvent": fields(
        {
            "id": whole("Ascends."),
            "connection_id": _ID,
            "time": moment("When it happened."),
            "event": text("What happened, such as `connected`, `disconnected` or `tickers_moved`."),
            "reason": text("A sentence."),
            "close_code": or_null(whole("The WebSocket's, where it was closed with one.")),
            "duration_ms": or_null(whole("How long the state lasted that ended with it.")),
            "actor": or_null(text("The login of who asked for it.")),
        }
    ),
    "ConnectionEvents": fields({"events": items(ref("ConnectionEvent"), "Newest first.")}),
    "ConnectionTickers": fields(
        {
            "tickers": mapping(items(text()), "By connection; `*` is the whole market."),
            "moved": mapping(text(), "The tickers that are not with their own connection, each with its own one."),
            "ticks": items(
                fields(
                    {
                        "connection_id": _ID,
                        "symbol": text(),
                        "price": number("The newest bar's close. Dollars."),
                        "volume": number("Its volume, in shares.", minimum=0),
                        "timestamp": moment("The start of its minute."),
                    }
                ),
                "The newest known, of at most 1,000 symbols.",
                maxItems=1000,
            ),
        }
    ),
    "ActionDone": fields({"state": text(enum=["done"]), "message": text("What was done, in a sentence.")}),
    "ActionAsked": fields({"state": text(enum=["asked"]), "message": text("A sentence.")}),
}
