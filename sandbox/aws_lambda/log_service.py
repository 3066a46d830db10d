"""Puts what functions log into moto's CloudWatch Logs."""

import time
from typing import Any

from sandbox.aws_lambda.function import LambdaFunction


def keep_log(function: LambdaFunction, stream: str, text: str) -> None:
    """Store the lines of an invocation, as Lambda does after it.

    Args:
        stream: Name of the environment's log stream.
    """
    from moto.logs.models import logs_backends  # noqa: PLC0415

    _, _, _, region, account, *_ = function.arn.split(":")
    backend: Any = logs_backends[account][region]
    if function.log_group not in backend.groups:
        backend.create_log_group(function.log_group, {})
    group = backend.groups[function.log_group]
    if stream not in group.streams:
        backend.create_log_stream(function.log_group, stream)
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": line} for line in text.splitlines() if line]
    if events:
        backend.put_log_events(function.log_group, stream, events)
