"""How gunicorn serves TickStock: one worker, because that worker also ingests the feed, with many threads."""

import signal
import sys
import threading
from typing import Any

from gunicorn.glogging import Logger

from src.bootstrap.lifeline import end_with_parent
from src.config.settings import load_settings
from src.infrastructure.observability.logs import set_up_logs

workers = 1
worker_class = "gthread"
threads = 128
# The supervisor's messages are for people; a line for each poll of each browser would bury them.
accesslog = None
limit_request_line = 8190  # the most there is: some 1,000 symbols in one question
loglevel = "warning"
errorlog = None  # it goes where the program's own log goes
control_socket_disable = True
# The supervisor kills after 8 s. Before that the worker has this long to end, ...
graceful_timeout = 6
# ... of which it waits this long for requests under way, so that time is left to commit what it holds.
_REQUESTS_TIMEOUT_S = 1
_WORKER_DIED = 70


class OneLog(Logger):
    """Gunicorn's log as a part of the program's: the same format, and without secrets."""

    def setup(self, cfg: Any) -> None:
        """Called by gunicorn when it has read its settings."""
        super().setup(cfg)
        settings = load_settings()
        set_up_logs(settings.log_level, settings.log_format, settings.secret_texts)
        self.error_log.propagate = True


logger_class = OneLog


def post_fork(_server: Any, worker: Any) -> None:
    """In the new worker: ends it with the master, and leaves it time to commit."""
    end_with_parent(worker.ppid)
    worker.cfg.set("graceful_timeout", _REQUESTS_TIMEOUT_S)


def post_worker_init(worker: Any) -> None:
    """In the worker, once it has loaded the program: what it is to do first when it is told to end.

    The worker waits for requests under way before it comes to `worker_exit`; open WebSockets are such requests.
    """

    def end(number: int, frame: Any) -> None:
        worker.handle_exit(number, frame)
        threading.Thread(target=sys.modules["src.wsgi"].stop_sockets, name="stop-sockets").start()

    signal.signal(signal.SIGTERM, end)


def worker_exit(_server: Any, _worker: Any) -> None:
    """In the worker as it ends: stops the ingestion and commits what it holds."""
    wsgi = sys.modules.get("src.wsgi")
    if wsgi:
        wsgi.stop_runtime()


def child_exit(server: Any, _worker: Any) -> None:
    """In the master: when a worker dies it ends, too, since the supervisor reports and paces restarts."""
    stops_anyway = not server.LISTENERS
    if not stops_anyway:
        sys.exit(_WORKER_DIED)
