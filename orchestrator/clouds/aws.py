"""Calls of AWS's APIs, beside the event loop and with errors of this project's own."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from helios.errors import (
    AccessDenied,
    HeliosError,
    OptionInvalid,
    WorkerThrottled,
    WorkerUnavailable,
)
from orchestrator.clouds.daemon_threads import DaemonThreads
from orchestrator.clouds.plain_text import without_markup

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.exceptions import BotoCoreError, ClientError

#: Calls at the same time; further ones wait.
CALLS_AT_ONCE = 8
# Seconds, and tries of the SDK: these calls change nothing twice, so that it may repeat them.
_CONNECT_TIMEOUT, _READ_TIMEOUT = 10, 30
_TRIES = 5

_SERVER_ERRORS = 500
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"}
)
_Result = TypeVar("_Result")


class AwsCalls:
    """Clients of AWS's services, and calls of them from tasks.

    Args:
        region: AWS region; by default that of the environment.
        session: Session that makes clients; by default a new one with the environment's
            credentials.
    """

    def __init__(self, *, region: str | None = None, session: "Session | None" = None) -> None:
        self._session = session or _session(region)
        self._region = region
        self._threads = DaemonThreads(CALLS_AT_ONCE, name="aws")
        self._clients: dict[str, Any] = {}

    @property
    def region(self) -> str:
        """The region that calls go to."""
        region = self._region or self._session.region_name
        if not region:
            raise OptionInvalid(
                "no AWS region is set",
                hint="Give --region, set AWS_REGION, or a region in the AWS profile.",
            )
        return str(region)

    def client(self, service: str) -> Any:
        """Return the client of a service, as the SDK calls it (`stepfunctions`)."""
        if service not in self._clients:
            from botocore.config import Config  # noqa: PLC0415 - takes its time

            config = Config(
                connect_timeout=_CONNECT_TIMEOUT,
                read_timeout=_READ_TIMEOUT,
                max_pool_connections=CALLS_AT_ONCE,
                retries={"total_max_attempts": _TRIES, "mode": "standard"},
            )
            make: Any = self._session.client
            self._clients[service] = make(service, region_name=self.region, config=config)
        return self._clients[service]

    async def run(self, what: str, call: Callable[[], _Result]) -> _Result:
        """Run a blocking call of a client on a thread, and return its result.

        Args:
            what: Subject of the call, for messages.

        Raises:
            AccessDenied: Credentials are missing, or lack permissions.
            WorkerThrottled, WorkerUnavailable: AWS doesn't respond, or throttles.
            OptionInvalid: AWS refuses a value.
        """

        def translated() -> _Result:
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
            from botocore.parsers import ResponseParserError  # noqa: PLC0415

            try:
                return call()
            except ClientError as fault:
                raise refusal(what, fault) from fault
            except BotoCoreError as fault:
                raise _unsent(what, fault) from fault
            except (OSError, ResponseParserError) as fault:
                raise WorkerUnavailable(f"{what}: {_first_line(fault)}") from fault

        return await self._threads.run(translated)


def _first_line(fault: Exception) -> str:
    return without_markup(str(fault)).partition("\n")[0]


def code_of(fault: "ClientError") -> str:
    """Return AWS's name for an error."""
    said: Mapping[str, Any] = fault.response
    return str(said.get("Error", {}).get("Code", ""))


def refusal(what: str, fault: "ClientError") -> HeliosError:
    """Return the error for an error response."""
    said: Mapping[str, Any] = fault.response
    code = code_of(fault)
    status = said.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = without_markup(str(said.get("Error", {}).get("Message") or fault))
    text = f"{what}: {message} ({code})"
    if code in _DENIED or status in (401, 403):
        return AccessDenied(
            text,
            hint="`orchestrator policies print render` says what these credentials must allow.",
        )
    if code in _THROTTLED or status == 429:
        return WorkerThrottled(text)
    return WorkerUnavailable(text, retryable=status >= _SERVER_ERRORS)


def _unsent(what: str, fault: "BotoCoreError") -> HeliosError:
    from botocore import exceptions  # noqa: PLC0415

    if isinstance(fault, credential_errors()):
        return AccessDenied(f"{what}: {fault}", hint="Configure AWS credentials for this process.")
    if isinstance(fault, exceptions.ParamValidationError):
        return OptionInvalid(f"{what}: {fault}")
    return WorkerUnavailable(f"{what}: {fault}")


def credential_errors() -> tuple[type[Exception], ...]:
    """Return the errors of the SDK for missing or invalid credentials."""
    from botocore import exceptions  # noqa: PLC0415

    return (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.TokenRetrievalError,
        exceptions.SSOError,
        # Where `aws login` isn't known yet, there are none of its errors.
        getattr(exceptions, "LoginError", exceptions.SSOError),
    )


def _session(region: str | None) -> "Session":
    import boto3.session  # noqa: PLC0415 - takes its time
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    try:
        return boto3.session.Session(region_name=region)
    except BotoCoreError as fault:
        if isinstance(fault, credential_errors()):
            raise AccessDenied(f"AWS: {fault}") from fault
        raise OptionInvalid(
            f"AWS: {fault}", hint="Check the region (AWS_REGION) and the profile (AWS_PROFILE)."
        ) from fault
