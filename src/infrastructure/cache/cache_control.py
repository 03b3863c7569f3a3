"""The older name of a question: the tickers of a universe of `cache_entries`."""

from src.infrastructure.cache.relationship_cache import RelationshipCache


class CacheControl:
    """Answers by the one resolver, which reads `cache_entries` too; any thread may call."""

    def __init__(self, relationships: RelationshipCache) -> None:
        self._relationships = relationships

    def get_universe_tickers(self, key: str) -> list[str]:
        """The tickers of a key: of the exact `name:key` entry if there is one, else of the groups it names.

        Raises DatabaseUnavailableError.
        """
        return self._relationships.get_universe_symbols(key)
