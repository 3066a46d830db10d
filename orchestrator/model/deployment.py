"""Deployments, with the properties that clients use, and the profiles that store them."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter, ValidationError

from helios.contract.wire_model import WireModel
from helios.errors import OptionInvalid, OutputUnwritable

#: The profile that is used where none is named.
DEFAULT_PROFILE = "default"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class _Deployed(WireModel, extra="ignore", serialize_by_alias=True):
    """A deployment as a profile stores it: JSON in camelCase; unknown fields are ignored."""


class AwsStack(_Deployed):
    """A stack on AWS: the parameter `/helios/<name>/stack`, which deploying writes."""

    #: The newest version of the parameter that this client reads.
    VERSION: ClassVar[int] = 1

    kind: Literal["aws"] = "aws"
    name: str
    version: int
    region: str
    artifacts: str
    chunk_function: str
    merge_function: str
    state_machine: str
    architecture: str
    chunk_memory: int
    chunk_disk: int
    chunk_timeout: int
    merge_memory: int
    merge_disk: int
    max_concurrency: int
    #: Log groups of the workers; empty in what earlier versions deployed.
    chunk_log_group: str = ""
    merge_log_group: str = ""
    #: ARN of the key that encrypts the bucket; empty if it is S3's own.
    kms_key: str = ""
    #: Lifecycle rules, in the form of S3's API, that the owner of a given bucket has to set.
    lifecycle_rules: tuple[dict[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"stack {self.name} in {self.region}"


class CloudRunWorkers(_Deployed):
    """Workers on Google Cloud: a service and a job of one name, and their bucket."""

    kind: Literal["cloudrun"] = "cloudrun"
    project: str
    region: str
    name: str
    artifacts: str
    service_url: str
    job: str
    cpu: float
    memory_gib: float
    max_concurrency: int

    def __str__(self) -> str:
        return f"Cloud Run workers {self.name} in {self.region} of {self.project}"


#: Whatever a profile keeps.
Deployment = AwsStack | CloudRunWorkers
_FORM: TypeAdapter[Deployment] = TypeAdapter(Annotated[Deployment, Field(discriminator="kind")])


class Profiles:
    """Files that keep what clients know of deployments, each under a name of the user's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of_user(cls, env: Mapping[str, str] | None = None) -> "Profiles":
        """Return the profiles of the user of this process."""
        variables = os.environ if env is None else env
        settings = variables.get("XDG_CONFIG_HOME", "")
        # The variable's specification says that relative paths are to be ignored.
        base = Path(settings) if settings.startswith("/") else Path.home() / ".config"
        return cls(base / "helios" / "profiles")

    def read(self, name: str) -> Deployment | None:
        """Return the deployment in a profile; None if there is no such profile."""
        path = self._path(name)
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise OptionInvalid(f"profile {name}: {path}: {fault.strerror}") from fault
        try:
            return _FORM.validate_json(text)
        except ValidationError as fault:
            raise OptionInvalid(
                f"profile {name}: {path} is none that this version can read",
                hint="Write it again: orchestrator connect.",
                details=_faults(fault),
            ) from None

    def write(self, name: str, deployment: Deployment) -> Path:
        """Write or replace a profile, and return its file."""
        path = self._path(name)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(_FORM.dump_json(deployment, indent=2) + b"\n")
            beside.replace(path)
        except OSError as fault:
            raise OutputUnwritable(f"profile {name}: {path}: {fault.strerror}") from fault
        return path

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise OptionInvalid(
                f"profile {name!r}: can't be a name", hint="Letters, digits, and . _ - inside."
            )
        return self._folder / f"{name}.json"


def read_stack(name: str, text: str) -> AwsStack:
    """Read the parameter that describes a stack."""
    try:
        told: Any = TypeAdapter(dict[str, Any]).validate_json(text)
        stack = AwsStack.model_validate({**told, "kind": "aws", "name": name})
    except ValidationError as fault:
        raise OptionInvalid(
            f"stack {name}: its parameter isn't what deploying writes",
            hint="Deploy the stack again, with this version.",
            details=_faults(fault),
        ) from None
    if stack.version > AwsStack.VERSION:
        raise OptionInvalid(
            f"stack {name}: was deployed by a newer version than this client's",
            hint="Update this client.",
        )
    return stack


def _faults(fault: ValidationError) -> list[str]:
    told = fault.errors(include_url=False, include_context=False, include_input=False)
    return [f"$.{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in told]
