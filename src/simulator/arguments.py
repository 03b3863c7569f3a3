"""The options of the command `python -m src.simulator`, read strictly and complained of in one sentence."""

import argparse
from collections.abc import Callable, Sequence
from datetime import date
from math import inf
from pathlib import Path
from typing import NoReturn

from src.simulator.flat_files import KINDS
from src.simulator.hours import Hours, always, official_hours
from src.simulator.rate_limit import Rate, parse_rate
from src.simulator.rest_actions import Action, read_actions
from src.simulator.universe import MOST_INVENTED

HOURS: dict[str, Callable[[], Hours]] = {"always": lambda: always, "official": official_hours}


class _Parser(argparse.ArgumentParser):
    """Complains in one sentence, without the list of options."""

    def error(self, message: str) -> NoReturn:
        sentence = message[:1].upper() + message[1:]
        self.exit(2, f"{sentence.rstrip('.')}. Run python -m src.simulator --help for what is allowed.\n")


def parse(arguments: Sequence[str], description: str | None) -> argparse.Namespace:
    """The options; ends the program with a sentence at what is not allowed."""
    parser = _Parser(prog="python -m src.simulator", description=description, allow_abbrev=False)
    parser.add_argument("--port", type=_whole(0, 65535), help="the port to listen on; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default %(default)s)")
    parser.add_argument("--seed", type=_whole(0, 2**63), default=7, help="decides everything random (default 7)")
    parser.add_argument("--hours", choices=HOURS, help="when the synthetic market trades (default always)")
    parser.add_argument("--extra-symbols", type=_whole(0, MOST_INVENTED), help="invented tickers to trade as well (0)")
    parser.add_argument("--key", type=_text, help="the only API key accepted (default: any)")
    parser.add_argument("--max-connections", type=_whole(1, 10_000), help="for each key; a newer one ends the oldest")
    parser.add_argument("--control", action="store_true", help="let faults be commanded over HTTP at /control")
    rest = parser.add_argument_group("the REST side")
    rest.add_argument("--rest-rate", type=_rate, help="most requests of a key, such as 5/minute (default: any)")
    rest.add_argument("--rest-lag", type=_between(0, 3600), help="seconds a symbol is behind at most (default 2)")
    rest.add_argument("--rest-contradict", type=_between(0, 1), help="share of minutes corrected late (default 0.002)")
    rest.add_argument("--rest-cancel", type=_between(0, 1), help="share of minutes taken back (default 0.0005)")
    rest.add_argument("--rest-actions", type=_actions, default=[], metavar="FILE", help="CSV of splits and dividends")
    replay = parser.add_argument_group("replay of recordings")
    replay.add_argument("--replay", nargs="+", type=Path, metavar="PATH", help="folders or .csv(.gz) files")
    replay.add_argument("--speed", type=_speed, help="multiple of real time, or max (default 1)")
    replay.add_argument("--duplicate", type=_between(0, 1), help="share of events sent twice (0 to 1)")
    replay.add_argument("--reorder", type=_between(0, 3600), help="seconds within which order is lost")
    session = parser.add_argument_group("a day to files")
    session.add_argument("--write-session", type=Path, metavar="DIR", help="write second/ and minute/ there")
    session.add_argument("--write-flat-file", nargs=2, metavar=("KIND", "PATH"), help="KIND is minute or day")
    session.add_argument("--symbols", type=_symbols, help="such as AAPL,BRK.B; a flat file has all unless told")
    session.add_argument("--date", type=_date, help="New York date, YYYY-MM-DD")
    options = parser.parse_args(arguments)
    if problem := _what_does_not_fit(options):
        parser.error(problem)
    return options


def _what_does_not_fit(options: argparse.Namespace) -> str | None:
    """A sentence on options that make no sense together, or are missing."""
    session_options = (options.symbols, options.date)
    if options.write_session is not None:
        return None if all(session_options) else "--write-session needs --symbols and --date"
    if options.write_flat_file is not None:
        return _what_does_not_fit_a_flat_file(options)
    if any(session_options):
        return "--symbols and --date are for --write-session DIR and --write-flat-file KIND PATH"
    if options.port is None:
        return "name a port to listen on, such as --port 8765"
    of_market = (options.rest_lag, options.rest_contradict, options.rest_cancel, options.hours, options.extra_symbols)
    if options.replay is not None and any(option is not None for option in of_market):
        return "--hours, --extra-symbols, --rest-lag, -contradict and -cancel are for the market, not for --replay"
    replay_options = (options.speed, options.duplicate, options.reorder)
    if options.replay is None and any(option is not None for option in replay_options):
        return "--speed, --duplicate and --reorder are for --replay PATH"
    return None


def _what_does_not_fit_a_flat_file(options: argparse.Namespace) -> str | None:
    kind, _path = options.write_flat_file
    if kind not in KINDS:
        return f"--write-flat-file needs minute or day, and a path; '{kind}' is neither"
    return None if options.date is not None else "--write-flat-file needs --date"


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"allowed are whole numbers from {least} to {most}, not '{text}'")
        return int(text)

    return parse


def _between(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = _float(text)
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"allowed are numbers from {least} to {most}, not '{text}'")
        return value

    return parse


def _rate(text: str) -> Rate:
    try:
        return parse_rate(text)
    except ValueError as cause:
        raise argparse.ArgumentTypeError(str(cause)) from cause


def _actions(text: str) -> list[Action]:
    try:
        return read_actions(Path(text))
    except (OSError, ValueError) as cause:
        raise argparse.ArgumentTypeError(f"{text} cannot be used: {cause}") from cause


def _speed(text: str) -> float:
    if text == "max":
        return inf
    value = _float(text)
    if value is None or not 0 < value <= 1e6:
        raise argparse.ArgumentTypeError(f"allowed are numbers above 0 up to 1000000, or max, not '{text}'")
    return value


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _text(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("an empty key would refuse everyone; leave --key out to accept any")
    return text


def _symbols(text: str) -> list[str]:
    return [symbol.strip() for symbol in text.split(",") if symbol.strip()]


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as cause:
        raise argparse.ArgumentTypeError(f"allowed is a date such as 2025-11-20, not '{text}'") from cause
