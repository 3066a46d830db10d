"""The source of a Cloud Run function: `handle` is its entry point."""

from flask import Request, Response

from worker_cloudrun.service import this_service


def handle(request: Request) -> Response:
    """Answer a request by the worker's service."""
    return this_service().handle(request)
