"""A process that may ingest: asks for the lease at each line it reads, and says what it is then: owner or standby.

    python -m tests.contract.lease_holder URL HASTE

`HASTE` divides the lease's seconds, for tests that need not wait as long as people do.
"""

import sys

from src.core.errors import DatabaseUnavailableError
from src.infrastructure.database import lease


def hurry(haste: float) -> None:
    """Divides the lease's times; the patience with the database stays as it is."""
    lease._RENEW_S, lease._LASTS_S, lease._UNCHANGED_S = 2.0 / haste, 6.0 / haste, 3.0 / haste


def main(url: str, haste: float) -> None:
    """Asks as often as it is told to, until its input ends."""
    hurry(haste)
    ownership = lease.Lease(url)
    for _line in sys.stdin:
        try:
            word = "owner" if ownership.acquire() else "standby"
        except DatabaseUnavailableError:
            word = "away"
        print(word, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
