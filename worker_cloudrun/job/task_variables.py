"""Reads the variables that describe a task of a Cloud Run job."""

from collections.abc import Mapping

from helios.errors import InvocationInvalid


def required(env: Mapping[str, str], variable: str) -> str:
    """Return a required variable.

    Raises `InvocationInvalid` if it isn't set.
    """
    value = env.get(variable, "").strip()
    if value:
        return value
    hint = "It names the job spec: gs://bucket/jobs/id/job.json." if variable == "JOB_PATH" else ""
    raise InvocationInvalid(f"{variable}: is not set", hint=hint)


def number(env: Mapping[str, str], variable: str) -> int:
    """Return a whole number; 0 if the variable isn't set.

    Raises `InvocationInvalid` if it isn't a whole number.
    """
    value = env.get(variable, "").strip() or "0"
    if not (value.isascii() and value.isdigit()):
        raise InvocationInvalid(f"{variable}: {value!r} is not a whole number from 0 on")
    return int(value)
