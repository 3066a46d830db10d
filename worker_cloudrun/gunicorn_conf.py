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

# In the parent process, from which the others inherit it.
guard_credentials()

#: Threads for probes and refused requests, beside those that wait for renders.
_SPARE_THREADS = 8

wsgi_app = "worker_cloudrun.app:app"
bind = f":{os.environ.get('PORT', '8080')}"
# One process, as renders take the whole instance anyway.
workers = 1
worker_class = "gthread"
threads = _worker.concurrency + _SPARE_THREADS
worker_connections = 2 * threads + 1000
# Cloud Run limits the duration of requests.
timeout = 0
graceful_timeout = _service.shutdown_grace
# Longer than the idle timeout of Google's front end, which thus closes connections first and sends
# no request on a closing one.
keepalive = 620
# Cloud Run logs requests itself.
accesslog = None
# It is not used here, and needs a writable folder.
control_socket_disable = True


def post_worker_init(_: Any) -> None:
    """Create the service before the first request, and drain it at SIGTERM."""
    from worker_cloudrun.service import this_service  # noqa: PLC0415

    service = this_service()
    stop = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        service.drain()
        if callable(stop):
            stop(number, frame)

    signal.signal(signal.SIGTERM, handle)
    signal.siginterrupt(signal.SIGTERM, False)
