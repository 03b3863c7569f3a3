"""What is written into the spool: texts that name and check themselves, so that they are found and trusted even where
the file around them is damaged. A record belongs to an owner: the first eight digits of a database's id."""

import re
import zlib
from typing import Any, NamedTuple

import msgspec

from src.core.domain.market.bar import Bar, merge_evidence
from src.core.domain.market.symbol import is_symbol

Key = tuple[str, int]

# "TSB1 ", owner, symbol and minute, half a CRC-32 of those three, a CRC-32 of them and the bar, the bar as JSON.
_HEAD = re.compile(rb"TSB1 ([0-9a-f]{8} ([!-~]{1,20}) (\d{13})) ([0-9a-f]{4}) ")
_TALLY = re.compile(rb"TSM1 ([0-9a-f]{8}) (\{[^}]{1,300}\})")
_LONGEST = 1_000  # characters: a page of SQLite holds four of them, so that none is ever cut in two


class DamagedRecordError(Exception):
    """A text that is no record, or not the one that was written."""


class Tally(msgspec.Struct, frozen=True):
    """What the whole spool is: times are minutes' starts in epoch ms, the stamp is of the newest evidence above live.

    `sequence` grows with each change, so that of several that are found the last one is known; `rows` are there now,
    `dropped` went since the file was made.
    """

    owner: str
    sequence: int = 0
    rows: int = 0
    dropped: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    newest_stamp_us: int = 0


class Recovered(NamedTuple):
    """What was found in a damaged file: bars by their key, keys of which no account could be read, the tally."""

    bars: dict[Key, Bar]
    lost: set[Key]
    tally: Tally | None


_decode_bar = msgspec.json.Decoder(Bar).decode
_decode_tally = msgspec.json.Decoder(Tally).decode


def key_of(bar: Bar) -> Key:
    """What a bar is kept under."""
    return (bar.symbol, bar.timestamp)


def encode(owner: str, bar: Bar) -> str:
    """The record of a bar."""
    key = f"{owner} {bar.symbol} {bar.timestamp}"
    key_sum = zlib.crc32(key.encode())
    body = msgspec.json.encode(bar)
    return f"TSB1 {key} {key_sum & 0xFFFF:04x} {zlib.crc32(body, key_sum):08x} {body.decode()}"


def decode(record: bytes) -> Bar:
    """The bar of a record; what follows the record is ignored. DamagedRecordError when it is not as it was written."""
    head = _HEAD.match(record)
    if head is None:
        raise DamagedRecordError
    body = record[head.end() + 9 : record.find(b"]", head.end()) + 1]
    if record[head.end() : head.end() + 9] != b"%08x " % zlib.crc32(body, zlib.crc32(head[1])):
        raise DamagedRecordError
    try:
        return _decode_bar(body)
    except msgspec.DecodeError as error:
        raise DamagedRecordError from error


def encode_tally(tally: Tally) -> str:
    """The record of a tally."""
    body = msgspec.json.encode(tally)
    return f"TSM1 {zlib.crc32(body):08x} {body.decode()}"


def decode_tally(record: bytes) -> Tally:
    """The tally of a record. DamagedRecordError when it is not as it was written."""
    found = _TALLY.match(record)
    if found is None or found[1] != b"%08x" % zlib.crc32(found[2]):
        raise DamagedRecordError
    try:
        return _decode_tally(found[2])
    except msgspec.DecodeError as error:
        raise DamagedRecordError from error


def recover(owner: str, content: Any) -> Recovered:
    """Finds every record of `owner` in the bytes of a file (bytes, or a memory map), whatever state the file is in.

    Records that SQLite has given up are found too: older accounts, which lose against newer ones by their rank.
    """
    bars: dict[Key, Bar] = {}
    named: set[Key] = set()
    for head in _HEAD.finditer(content):
        if not head[1].startswith(owner.encode()):
            continue
        try:
            bar = decode(content[head.start() : head.start() + _LONGEST])
        except DamagedRecordError:
            named.update(_named_by(head))
            continue
        known = bars.get(key_of(bar))
        bars[key_of(bar)] = bar if known is None else merge_evidence(known, bar)
    return Recovered(bars, named - bars.keys(), _last_tally(owner, content))


def _named_by(head: re.Match[bytes]) -> set[Key]:
    """The key that a head tells, if it can be trusted."""
    symbol = head[2].decode("ascii")
    trusted = head[4] == b"%04x" % (zlib.crc32(head[1]) & 0xFFFF) and is_symbol(symbol)
    return {(symbol, int(head[3]))} if trusted else set()


def _last_tally(owner: str, content: Any) -> Tally | None:
    tallies = []
    for found in _TALLY.finditer(content):
        try:
            tallies.append(decode_tally(found[0]))
        except DamagedRecordError:
            continue
    ours = [tally for tally in tallies if tally.owner == owner]
    return max(ours, key=lambda tally: tally.sequence, default=None)
