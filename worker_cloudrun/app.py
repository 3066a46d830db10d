"""The WSGI application that gunicorn serves."""

from pathlib import Path

import functions_framework
from flask import Flask

#: `gunicorn --config python:worker_cloudrun.gunicorn_conf` serves it.
app: Flask = functions_framework.create_app(  # type: ignore[no-untyped-call]
    target="handle", source=str(Path(__file__).with_name("main.py")), signature_type="http"
)
