"""Query parameters, read strictly: each reader gives the value, or raises a bad_parameter that says what is allowed."""

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from werkzeug.datastructures import MultiDict

from src.presentation.api.errors import bad_parameter

MAX_SYMBOLS = 1000
# A number below this is epoch seconds, from it on milliseconds: 10^11 s is the year 5138, 10^11 ms March 1973.
_FIRST_MILLISECOND = 10**11
LAST_MS = 253_402_300_799_999  # the end of the year 9999


def check_names(arguments: MultiDict[str, str], allowed: Collection[str], not_both: Collection[str] = ()) -> None:
    """Refuses parameters that this endpoint does not have, those given twice, and those that exclude each other."""
    for name in arguments:
        if name not in allowed:
            raise bad_parameter(f"There is no parameter {name!r:.40}; allowed are {', '.join(sorted(allowed))}.")
        if len(arguments.getlist(name)) > 1:
            raise bad_parameter(f"The parameter {name} is given more than once.")
    if not_both and all(name in arguments for name in not_both):
        raise bad_parameter(f"Give either {' or '.join(not_both)}, not both.")


def read_symbols(arguments: MultiDict[str, str]) -> list[str]:
    """The names of `symbol` or `symbols`, as typed; empty when neither is given."""
    if "symbol" in arguments and "symbols" in arguments:
        raise bad_parameter("Give either symbol or symbols, not both.")
    if "symbol" in arguments:
        names = [arguments["symbol"].strip()]
        if not names[0] or "," in names[0]:
            raise bad_parameter("symbol is one ticker, such as AAPL; for several use symbols=AAPL,MSFT.")
        return names
    names = [name.strip() for name in arguments.get("symbols", "").split(",") if name.strip()]
    if "symbols" in arguments and not names:
        raise bad_parameter("symbols is a list of tickers with commas between, such as AAPL,MSFT.")
    if len(names) > MAX_SYMBOLS:
        raise bad_parameter(f"symbols names {len(names)} tickers; allowed are at most {MAX_SYMBOLS}.")
    return names


def read_flag(arguments: MultiDict[str, str], name: str) -> bool:
    """A parameter that is `true` or `false`, and false when it is absent."""
    return read_choice(arguments, name, ("true", "false"), "false") == "true"


def read_limit(arguments: MultiDict[str, str], default: int, largest: int) -> int:
    """`limit`: a whole number from 1 to `largest`."""
    text = arguments.get("limit")
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= largest:
        raise bad_parameter(f"limit is {text!r:.40}; allowed is a whole number from 1 to {largest}.")
    return int(text)


def read_whole(arguments: MultiDict[str, str], name: str, default: int, largest: int) -> int:
    """A whole number from 0 to `largest`."""
    text = arguments.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > largest:
        raise bad_parameter(f"{name} is {text!r:.40}; allowed is a whole number from 0 to {largest}.")
    return int(text)


def read_choice(arguments: MultiDict[str, str], name: str, allowed: Sequence[str], default: str) -> str:
    """A parameter that is one of some words."""
    text = arguments.get(name, default)
    if text not in allowed:
        words = f"{', '.join(allowed[:-1])} and {allowed[-1]}"
        raise bad_parameter(f"{name} is {text!r:.40}; allowed are {words}.")
    return text


def read_time_ms(arguments: MultiDict[str, str], name: str) -> int | None:
    """A time as epoch ms: epoch seconds (below 10^11), epoch ms, or an ISO 8601 time (UTC where it names no zone)."""
    text = arguments.get(name)
    if text is None:
        return None
    time_ms = _number_ms(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else _iso_ms(name, text)
    if not 0 <= time_ms <= LAST_MS:
        raise bad_parameter(f"{name} is {text!r:.40}; allowed are times from 1970 to 9999.")
    return time_ms


def _number_ms(text: str) -> int:
    if len(text) > 20:
        return LAST_MS + 1
    number = float(text)
    return round(number * 1000) if number < _FIRST_MILLISECOND else round(number)


def _iso_ms(name: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+") if re.search(r"\d \d\d:?\d\d$", text) else text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise bad_parameter(
            f"{name} is {text!r:.40}; allowed are epoch seconds, epoch milliseconds, "
            "or ISO 8601 such as 2025-11-20T14:30:00Z."
        ) from error
