"""Gunicorn's configuration: `gunicorn --config python:worker_cloudrun.gunicorn_conf`."""

import os
import signal
from types import FrameType
from typing import Any

from helios.errors import HeliosError, report
from helios.process.credential_guard import guard_credentials
from helios.worker.worker_config import WorkerConfig
from worker_cloudrun.service_config import ServiceConfig

try:
    _worker, _service = WorkerConfig.from_env(), ServiceConfig.from_env()
except HeliosError as _error:
    raise SystemExit(report(_error)) from None

# In the process that starts the others: what they fork inherits it.
guard_credentials()

#: Threads beside those that wait for renders: for probes, and callers that are sent away.
_SPARE_THREADS = 8

wsgi_app = "worker_cloudrun.app:app"
bind = f":{os.environ.get('PORT', '8080')}"
# One process, as renders take the whole instance anyway.
workers = 1
worker_class = "gthread"
threads = _worker.concurrency + _SPARE_THREADS
worker_connections = 2 * threads + 1000
# A render takes as long as it takes.
timeout = 0
graceful_timeout = _service.shutdown_grace
# Longer than Google's front end keeps a connection open without use: who closes first loses no
# request to a connection that the other one is closing.
keepalive = 620
# Cloud Run logs requests itself.
accesslog = None
# It is not used here, and needs a writable folder.
control_socket_disable = True


def post_worker_init(_: Any) -> None:
    """Make the service before the first request, and let it know when the instance is to end."""
    from worker_cloudrun.service import this_service  # noqa: PLC0415

    service = this_service()
    stop = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        service.drain()
        if callable(stop):
            stop(number, frame)

    signal.signal(signal.SIGTERM, handle)
    signal.siginterrupt(signal.SIGTERM, False)
