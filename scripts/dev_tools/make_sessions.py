"""Makes data/sessions.csv from exchange-calendars, which is a dependency of the tests and not of the program.

    .venv/bin/python scripts/dev_tools/make_sessions.py 2028-12-31

The date is the last one to cover. The exchange announces its holidays two to three years ahead
(https://www.nyse.com/markets/hours-calendars); beyond what is announced the library only applies its rules.
"""

import argparse
import datetime as dt
from pathlib import Path

import exchange_calendars

TABLE = Path(__file__).resolve().parents[2] / "data" / "sessions.csv"
# The vendor's minute history begins on 2003-09-10.
COVERED_FROM = dt.date(2003, 9, 1)
NEW_YORK = "America/New_York"
CLOSES = {"16:00": None, "13:00": "early_close"}
HEADER = """\
# The exceptions to an ordinary week: Monday to Friday 04:00-09:30 pre-market, 09:30-16:00 regular,
# 16:00-20:00 post-market, New York time. On a holiday nothing trades. On an early_close the regular session
# ends at 13:00 and the post-market at 17:00.
# source: exchange-calendars {version}, XNYS
# covers: {covered_from} to {covered_to}
# regenerate: .venv/bin/python scripts/dev_tools/make_sessions.py YYYY-MM-DD (the last date to cover)
date,kind
"""


def exceptions(covered_from: dt.date, covered_to: dt.date) -> list[tuple[dt.date, str]]:
    """Each weekday that is not an ordinary one, ascending; exits at a day that the table cannot express."""
    calendar = exchange_calendars.get_calendar("XNYS", start=str(covered_from), end=str(covered_to))
    opens = calendar.opens.dt.tz_convert(NEW_YORK).dt.strftime("%H:%M")
    closes = calendar.closes.dt.tz_convert(NEW_YORK).dt.strftime("%H:%M")
    trading = {day.date(): (opens[day], closes[day]) for day in calendar.sessions}
    rows = []
    for offset in range((covered_to - covered_from).days + 1):
        date = covered_from + dt.timedelta(days=offset)
        kind = _kind(date, trading.get(date))
        if kind:
            rows.append((date, kind))
    return rows


def _kind(date: dt.date, hours: tuple[str, str] | None) -> str | None:
    weekday = date.weekday() < 5
    if hours is None:
        return "holiday" if weekday else None
    if not weekday or hours[0] != "09:30" or hours[1] not in CLOSES:
        raise SystemExit(f"{date} trades {hours[0]}-{hours[1]} New York time; the table has no word for such a day.")
    return CLOSES[hours[1]]


def main() -> None:
    """Writes the table."""
    parser = argparse.ArgumentParser(description="Makes data/sessions.csv from exchange-calendars.")
    parser.add_argument("covered_to", type=dt.date.fromisoformat, help="the last date to cover, such as 2028-12-31")
    covered_to = parser.parse_args().covered_to
    rows = exceptions(COVERED_FROM, covered_to)
    header = HEADER.format(version=exchange_calendars.__version__, covered_from=COVERED_FROM, covered_to=covered_to)
    TABLE.write_text(header + "".join(f"{date},{kind}\n" for date, kind in rows), encoding="utf-8")
    print(f"{TABLE.name}: {len(rows)} exceptions from {COVERED_FROM} to {covered_to}.")


if __name__ == "__main__":
    main()
