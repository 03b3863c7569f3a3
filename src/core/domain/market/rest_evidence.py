"""What tier a bar from the vendor's REST side has, by when it was asked for."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from src.core.domain.market.bar import MINUTE_MS, Tier

NEW_YORK = ZoneInfo("America/New_York")
# The vendor's minute data can lag and late trades are still added: an answer this fresh is not yet official.
SETTLED_AFTER_MS = 20 * MINUTE_MS
_FINAL_FROM = time(11, 0)  # New York, the next day: the vendor's end-of-day corrections are in by then
_POST_CLOSE = time(20, 0)  # New York: nothing trades later


def rest_tier(minute_start_ms: int, asked_ms: int) -> Tier | None:
    """The tier of a minute asked for at `asked_ms`; None when the minute had not ended then (it is no evidence)."""
    age_ms = asked_ms - (minute_start_ms + MINUTE_MS)
    if age_ms < 0:
        return None
    if age_ms < SETTLED_AFTER_MS:
        return Tier.EARLY
    return Tier.FINAL if asked_ms >= final_from_ms(minute_start_ms) else Tier.OFFICIAL


def rest_day_tier(day: date, asked_ms: int) -> Tier | None:
    """The tier of a trading day (New York) asked for at `asked_ms`; None while it can trade (it is no evidence)."""
    ended_ms = round(datetime.combine(day, _POST_CLOSE, NEW_YORK).timestamp() * 1000)
    return rest_tier(ended_ms - MINUTE_MS, asked_ms)


def final_from_ms(minute_start_ms: int) -> int:
    """From when on an answer about this minute is final: 11:00 New York on the day after the minute's date."""
    day = datetime.fromtimestamp(minute_start_ms / 1000, UTC).astimezone(NEW_YORK).date()
    final = datetime.combine(day + timedelta(days=1), _FINAL_FROM, NEW_YORK)
    return round(final.timestamp() * 1000)
