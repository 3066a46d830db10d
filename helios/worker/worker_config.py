"""A worker's configuration, read once from its environment."""

import math
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from helios.errors import OptionInvalid
from helios.process.render_executor import DEFAULT_EXECUTABLES

#: Bytes of unpacked assets that a warm worker keeps: half of Lambda's smallest /tmp.
DEFAULT_ASSET_CACHE_BYTES = 256 * 1024 * 1024

#: Variable with the secrets of destinations, which commands don't get.
DESTINATION_SECRETS = "HELIOS_DESTINATION_SECRETS"
_SECRET = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S+")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """Permissions and limits of a worker.

    Attributes:
        artifacts: URL of the storage for results of jobs whose spec has no `outputUrl`.
        allowed_sources: Prefixes of allowed URLs of job specs and assets, besides `artifacts`.
        allowed_destinations: Prefixes of allowed URLs of results, besides the job's own folder.
        destination_secrets: ARN of the secret with the credentials for destinations that begin so.
        allow_local: Whether these URLs may be paths of this machine.
        allow_private_network: Whether specs and pages may be fetched from private networks.
        allowed_hosts: Hosts that pages may load from.
        executables: Programs that commands may start.
        workspace: Folder for temporary files.
        asset_cache_bytes: Limit of the unpacked assets kept between jobs.
        chunk_timeout: Time limit of a command in seconds; None for the platform's.
        merge_bytes: Limit of the bytes of chunks that are merged on this machine; the storage
            concatenates larger ones where possible. None for the free space.
        concurrency: Limit of concurrent invocations.
        audience: Accepted audiences of callers' identity tokens; empty if the worker doesn't check
            tokens.
        platform: Description of the worker for records: platform, function or service, memory.
    """

    artifacts: str | None = None
    allowed_sources: tuple[str, ...] = ()
    allowed_destinations: tuple[str, ...] = ()
    destination_secrets: Mapping[str, str] = field(default_factory=dict)
    allow_local: bool = False
    allow_private_network: bool = False
    allowed_hosts: tuple[str, ...] = ("*",)
    executables: frozenset[str] = DEFAULT_EXECUTABLES
    workspace: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    asset_cache_bytes: int = DEFAULT_ASSET_CACHE_BYTES
    chunk_timeout: float | None = None
    merge_bytes: int | None = None
    concurrency: int = 1
    audience: tuple[str, ...] = ()
    platform: Mapping[str, str | int] = field(default_factory=dict)

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> "WorkerConfig":
        """Read the configuration from the environment variables in docs/worker.md.

        Raises `OptionInvalid` if a value is invalid.
        """
        env = os.environ if environment is None else environment
        return cls(
            artifacts=env.get("HELIOS_ARTIFACTS", "").strip() or None,
            allowed_sources=_names(env, "HELIOS_ALLOWED_SOURCES"),
            allowed_destinations=_names(env, "HELIOS_ALLOWED_DESTINATIONS"),
            destination_secrets=_pairs(env, DESTINATION_SECRETS),
            allow_local=_switch(env, "HELIOS_ALLOW_LOCAL"),
            allow_private_network=_switch(env, "HELIOS_ALLOW_PRIVATE_NETWORK"),
            allowed_hosts=_hosts(env),
            executables=frozenset(_names(env, "HELIOS_EXECUTABLES")) or DEFAULT_EXECUTABLES,
            workspace=_folder(env, "HELIOS_WORKSPACE"),
            asset_cache_bytes=_whole(
                env, "HELIOS_ASSET_CACHE_BYTES", default=DEFAULT_ASSET_CACHE_BYTES, least=0
            ),
            chunk_timeout=_seconds(env, "HELIOS_CHUNK_TIMEOUT"),
            merge_bytes=_optional(env, "HELIOS_MERGE_BYTES"),
            concurrency=_whole(env, "HELIOS_CONCURRENCY", default=1, least=1),
            audience=_names(env, "HELIOS_AUDIENCE"),
            platform=_platform(env),
        )


def _names(env: Mapping[str, str], variable: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in env.get(variable, "").split(",") if name.strip())


def _pairs(env: Mapping[str, str], variable: str) -> dict[str, str]:
    pairs = [name.partition("=")[::2] for name in _names(env, variable)]
    for url, arn in pairs:
        if not (url and _SECRET.fullmatch(arn)):
            raise OptionInvalid(f"{variable}: {url}={arn} is not URL=ARN of a secret")
    return dict(pairs)


def _hosts(env: Mapping[str, str]) -> tuple[str, ...]:
    hosts = _names(env, "HELIOS_ALLOWED_HOSTS") or ("*",)
    return () if hosts == ("none",) else hosts


def _switch(env: Mapping[str, str], variable: str) -> bool:
    value = env.get(variable, "").strip().lower()
    if value not in _TRUE | _FALSE:
        raise OptionInvalid(f"{variable}: {value!r} is neither 1 nor 0")
    return value in _TRUE


def _folder(env: Mapping[str, str], variable: str) -> Path:
    value = env.get(variable, "")
    if not value:
        return Path(tempfile.gettempdir())
    if not Path(value).is_absolute():
        raise OptionInvalid(f"{variable}: {value!r} is not an absolute path")
    return Path(value)


def _optional(env: Mapping[str, str], variable: str) -> int | None:
    return _whole(env, variable, default=0, least=0) if env.get(variable, "").strip() else None


def _whole(env: Mapping[str, str], variable: str, *, default: int, least: int) -> int:
    value = env.get(variable, "").strip()
    if not value:
        return default
    if not (value.isascii() and value.isdigit()) or int(value) < least:
        raise OptionInvalid(f"{variable}: {value!r} is not a whole number from {least} on")
    return int(value)


def _seconds(env: Mapping[str, str], variable: str) -> float | None:
    value = env.get(variable, "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise OptionInvalid(f"{variable}: {value!r} is not a number of seconds above 0")
    return seconds


#: Variables of the platforms that describe a worker, with their names in records.
_PLATFORM_VARIABLES = {
    "lambda": {
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_VERSION": "version",
        "AWS_REGION": "region",
        "AWS_LAMBDA_LOG_GROUP_NAME": "logGroup",
        "AWS_LAMBDA_LOG_STREAM_NAME": "instance",
    },
    "cloudrun": {
        "K_SERVICE": "service",
        "K_REVISION": "version",
        "CLOUD_RUN_JOB": "job",
        "CLOUD_RUN_EXECUTION": "execution",
        "CLOUD_RUN_TASK_INDEX": "task",
    },
}


def _platform(env: Mapping[str, str]) -> dict[str, str | int]:
    kind = "local"
    if env.get("AWS_LAMBDA_FUNCTION_NAME"):
        kind = "lambda"
    elif env.get("K_SERVICE") or env.get("CLOUD_RUN_JOB"):
        kind = "cloudrun"
    known: dict[str, str | int] = {"platform": kind}
    for variable, name in _PLATFORM_VARIABLES.get(kind, {}).items():
        if env.get(variable):
            known[name] = env[variable]
    memory = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if kind == "lambda" and memory.isascii() and memory.isdigit():
        known["memoryMb"] = int(memory)
    return known
