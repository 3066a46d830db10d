"""Errors of job specs and their commands."""

from helios.errors.base import HeliosError


class SpecError(HeliosError):
    """Invalid job spec, or invalid command in it."""


class JobSpecInvalid(SpecError, code="JOB_SPEC_INVALID"):
    """The job spec violates its schema or is inconsistent; `details` hold the JSON paths."""


class JobSpecNotFound(SpecError, code="JOB_SPEC_NOT_FOUND"):
    """There is no job spec at the given path."""


class InvocationInvalid(SpecError, code="INVOCATION_INVALID"):
    """The payload of an invocation violates the wire format."""


class ChunkNotFound(SpecError, code="CHUNK_NOT_FOUND"):
    """The job spec has no chunk with this id."""


class CommandInvalid(SpecError, code="COMMAND_INVALID"):
    """The command can't be split into arguments."""


class CommandForbidden(SpecError, code="COMMAND_FORBIDDEN"):
    """The command's executable isn't on the worker's allow-list."""


class CommandNotFound(SpecError, code="COMMAND_NOT_FOUND"):
    """The command's executable isn't installed."""
