"""Every error this program raises on purpose. The text of each is a sentence for a person."""


class TickStockError(Exception):
    """The root: `str()` of any of these is one line that says what is wrong and what to do."""


class BadBarError(TickStockError):
    """A bar that cannot be right (high below low, not a minute's start); it alone is refused."""


class BadSymbolError(TickStockError):
    """A symbol that no feed spells."""


class DatabaseUnavailableError(TickStockError):
    """The database did not answer or was locked; the same call may succeed later."""


class HistoryLostError(DatabaseUnavailableError):
    """The database lacks what this process committed to it, or is another one; this life writes to it no more."""


class RowRefusedError(TickStockError):
    """The database will never take a row, or one of the rows, of this call."""


class SchemaError(TickStockError):
    """The database's schema is not the one this program works with."""


class OwnershipLostError(TickStockError):
    """Another process ingests into the database now."""


class ActionRefusedError(TickStockError):
    """What an administrator asked for cannot be done: not to that connection or ticker, not for that day."""


class BadAccountError(TickStockError):
    """A login, a password or a role that cannot be taken, or an account that is, or is not, there."""


class TooManyAttemptsError(TickStockError):
    """A login is refused for now: too many failed, or too many are under way."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SecretKeyError(TickStockError):
    """The key that signs sessions cannot be read or kept."""


class FeedMismatchError(TickStockError):
    """The database was filled by the other feed; two feeds never mix."""


class VendorError(TickStockError):
    """The vendor's REST side refused, or answered what cannot be used."""


class KeyRefusedError(VendorError):
    """The vendor's REST side refuses the key, or the plan behind it: the next request would fail too."""


class FlatFileError(VendorError):
    """A flat file cannot be read, is damaged, or is of another day."""


class VendorUnavailableError(VendorError):
    """The vendor's REST side did not answer or asked for patience; the same call may succeed later."""


class MessageRefusedError(TickStockError):
    """Whom a message is for will not take it, later either."""


class MessageUndeliveredError(TickStockError):
    """Whom a message is for did not answer or asked for patience; the same call may succeed later."""


class UniverseError(TickStockError):
    """A universe that does not exist, or cannot be what it was to become."""


class UnknownUniverseError(UniverseError):
    """A key of which nothing exists; the sentence names what may be meant."""
