"""A process that wants to ingest: says on a line of its own each time that it becomes owner or standby.

    python -m tests.contract.lease_holder URL HASTE

`HASTE` divides the lease's seconds, for tests that need not wait as long as people do.
"""

import sys
import time

from src.core.errors import DatabaseUnavailableError
from src.infrastructure.database import lease


def hurry(haste: float) -> None:
    """Divides the lease's times; the patience with the database stays as it is."""
    lease._RENEW_S, lease._LASTS_S, lease._UNCHANGED_S = 2.0 / haste, 6.0 / haste, 3.0 / haste


def main(url: str, haste: float) -> None:
    """Asks as the service does, each second or so, until it is ended."""
    hurry(haste)
    ownership, said = lease.Lease(url), ""
    while True:
        try:
            word = "owner" if ownership.acquire() else "standby"
        except DatabaseUnavailableError:
            word = "away"
        if word != said:
            print(word, flush=True)
            said = word
        time.sleep(1.0 / haste)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
