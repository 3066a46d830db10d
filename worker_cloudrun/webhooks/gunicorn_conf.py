"""Gunicorn's configuration: `gunicorn --config python:worker_cloudrun.webhooks.gunicorn_conf`."""

import os

wsgi_app = "worker_cloudrun.webhooks.service:create_app()"
bind = f":{os.environ.get('PORT', '8080')}"
workers = 1
worker_class = "gthread"
#: Webhooks at the same time: each thread waits for a receiver.
threads = 16
# Cloud Run limits the duration of requests.
timeout = 0
graceful_timeout = 9
# Longer than the idle timeout of Google's front end, which thus closes connections first.
keepalive = 620
accesslog = None
# It is not used here, and needs a writable folder.
control_socket_disable = True
