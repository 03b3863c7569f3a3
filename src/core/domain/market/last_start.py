"""What the last start found in the database, so that the next one can listen while that is away."""

import msgspec

# A stamp that is remembered is so far ahead: no evidence of the time until it is remembered again is newer.
AHEAD_US = 120_000_000


class Setup(msgspec.Struct, frozen=True):
    """What a start was for. `database` is a digest of where the database is, `schema` the program's newest migration;
    `listeners` are what each connection was to listen to: its id, its universe's key and its symbols."""

    database: str
    schema: str
    feed: str
    listeners: tuple[tuple[str, str, tuple[str, ...]], ...]


class LastStart(msgspec.Struct, frozen=True):
    """What an owner knows of its database: its id, and the symbols of each connection with where they are from.

    No evidence of before has a stamp above `stamp_us` (microseconds). `heard` is up to when the feed was heard, by
    event time and by the wall clock, epoch ms; None if it never was.
    """

    setup: Setup
    database_id: str
    universe_key: str
    lists: dict[str, tuple[str, ...]]
    unknown: tuple[str, ...]
    stamp_us: int
    heard: tuple[int, int] | None
