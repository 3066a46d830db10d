"""The configuration of the HTTP interface, read from the environment."""

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helios.errors import OptionInvalid

if TYPE_CHECKING:
    from worker_cloudrun.identity import CallerCheck

#: Seconds between SIGTERM and the end of the instance, less one for the server.
SHUTDOWN_GRACE = 9
#: Largest request in bytes; invocations take some hundred.
MAX_REQUEST_BYTES = 1024 * 1024
#: Time limit of a request's body in seconds.
BODY_TIMEOUT = 10.0
#: Google's certificates of the keys that sign identity tokens.
GOOGLE_CERTS_URL = "https://www.googleapis.com/oauth2/v1/certs"


@dataclass(frozen=True, kw_only=True)
class ServiceConfig:
    """Configuration of the HTTP interface; `WorkerConfig` has that of the worker.

    Attributes:
        allowed_callers: Allowed accounts, if callers are verified; empty for all with a valid
            token.
        certs_url: URL of the certificates of identity tokens' keys.
        shutdown_grace: Seconds from SIGTERM to the instance's end.
        max_request_bytes: Size of a request's body.
        body_timeout: Time limit of a request's body in seconds.
        time_limit: The platform's time limit of a request or a task in seconds; None if unknown.
        project: The Google Cloud project, for traces in logs.
    """

    allowed_callers: tuple[str, ...] = ()
    certs_url: str = GOOGLE_CERTS_URL
    shutdown_grace: int = SHUTDOWN_GRACE
    max_request_bytes: int = MAX_REQUEST_BYTES
    body_timeout: float = BODY_TIMEOUT
    time_limit: float | None = None
    project: str | None = None

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> "ServiceConfig":
        """Read the configuration.

        Raises `OptionInvalid` if a value is invalid.

        Args:
            environment: Environment variables; this process's own by default. docs/worker.md lists
                them.
        """
        env = os.environ if environment is None else environment
        callers = env.get("HELIOS_ALLOWED_CALLERS", "").split(",")
        limit = _number(env, "CLOUD_RUN_TIMEOUT_SECONDS", default=0.0)
        return cls(
            allowed_callers=tuple(caller.strip() for caller in callers if caller.strip()),
            certs_url=env.get("HELIOS_CERTS_URL", "").strip() or GOOGLE_CERTS_URL,
            shutdown_grace=_whole(env, "HELIOS_SHUTDOWN_GRACE", default=SHUTDOWN_GRACE),
            max_request_bytes=_whole(env, "HELIOS_MAX_REQUEST_BYTES", default=MAX_REQUEST_BYTES),
            body_timeout=_number(env, "HELIOS_BODY_TIMEOUT", default=BODY_TIMEOUT) or BODY_TIMEOUT,
            # The functions framework uses 0 for no limit.
            time_limit=limit or None,
            project=env.get("GOOGLE_CLOUD_PROJECT", "").strip() or None,
        )

    def caller_check(self, audiences: Collection[str]) -> "CallerCheck | None":
        """Return what verifies callers; None without audiences, if only the platform does."""
        if not audiences:
            return None
        # Imported only if callers are verified.
        from worker_cloudrun.identity import CallerCheck, Certificates  # noqa: PLC0415

        return CallerCheck(
            audiences=audiences,
            callers=self.allowed_callers,
            certificates=Certificates(self.certs_url),
        )


def _whole(env: Mapping[str, str], variable: str, *, default: int) -> int:
    value = env.get(variable, "").strip()
    if not value:
        return default
    if not (value.isascii() and value.isdigit()) or int(value) < 1:
        raise OptionInvalid(f"{variable}: {value!r} is not a whole number from 1 on")
    return int(value)


def _number(env: Mapping[str, str], variable: str, *, default: float) -> float:
    value = env.get(variable, "").strip()
    if not value:
        return default
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise OptionInvalid(f"{variable}: {value!r} is not a number of seconds")
    return seconds
