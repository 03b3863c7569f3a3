"""New York time, the edge at which trading days and the volume's daily rhythm are defined."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
MINUTE_MS = 60_000

# Minutes after New York midnight.
PRE_MARKET_OPENS = 4 * 60
REGULAR_OPENS = 9 * 60 + 30
REGULAR_CLOSES = 16 * 60
POST_MARKET_CLOSES = 20 * 60


class HourFacts(NamedTuple):
    """What New York's clock says of one UTC hour, in minutes since the epoch or of offset."""

    offset: int
    day_start: int


@lru_cache(maxsize=4096)
def hour_facts(hour: int) -> HourFacts:
    """Facts of the hour `hour` (hours since the epoch); New York changes its clock on whole UTC hours."""
    local = datetime.fromtimestamp(hour * 3600, NEW_YORK)
    midnight = datetime(local.year, local.month, local.day, tzinfo=NEW_YORK)
    offset = int(local.replace(tzinfo=UTC).timestamp()) // 60 - hour * 60
    return HourFacts(offset, int(midnight.timestamp()) // 60)


def minute_of_day(minute: int) -> int:
    """0 to 1439: the minute of the New York day in which `minute` (minutes since the epoch) starts."""
    return (minute + hour_facts(minute // 60).offset) % 1440


def day_start(minute: int) -> int:
    """The New York midnight (minutes since the epoch) that begins the day of `minute`."""
    return hour_facts(minute // 60).day_start


def next_day_start(midnight: int) -> int:
    """The New York midnight after `midnight`: 23 to 25 hours later (both minutes since the epoch)."""
    return day_start(midnight + 26 * 60)


def date_bounds_ms(day: date) -> tuple[int, int]:
    """First millisecond of the New York day `day`, and the first one after it, both epoch milliseconds."""
    start = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
    after = day + timedelta(days=1)
    end = datetime(after.year, after.month, after.day, tzinfo=NEW_YORK)
    return int(start.timestamp()) * 1000, int(end.timestamp()) * 1000
