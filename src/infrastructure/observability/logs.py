"""How the program logs: plain lines on the console, UTC times."""

import logging
import time


def set_up_logs(level: str) -> None:
    """Sends log records of `level` and above to standard error, a line each."""
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)sZ %(levelname)-7s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for quiet in ("alembic", "urllib3"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
