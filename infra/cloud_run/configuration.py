"""The configuration of Cloud Run workers, validated before any change."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from helios.contract.wire_model import WireModel
from helios.errors import OptionInvalid

Model = TypeVar("Model", bound=BaseModel)

#: GiB of memory that an instance may have, at least and at most, by its number of CPUs.
MEMORY_BY_CPU: Mapping[int, tuple[float, float]] = {
    1: (0.5, 4),
    2: (0.5, 8),
    4: (2, 16),
    6: (4, 24),
    8: (4, 32),
}
#: Seconds that Cloud Run gives a request at most.
MAX_REQUEST_TIMEOUT = 3600
#: Seconds that Cloud Run gives a task of a job at most (a week).
MAX_TASK_TIMEOUT = 7 * 24 * 3600

#: Members of a policy that stand for the public.
PUBLIC_MEMBERS = frozenset({"allUsers", "allAuthenticatedUsers"})

#: Variables that deploying sets.
MANAGED_VARIABLES = frozenset(
    {
        "CLOUD_RUN_TIMEOUT_SECONDS",
        "GOOGLE_CLOUD_PROJECT",
        "HELIOS_ALLOWED_SOURCES",
        "HELIOS_ARTIFACTS",
        "HELIOS_AUDIENCE",
        "HELIOS_CONCURRENCY",
        "HELIOS_MERGE_BYTES",
        "HELIOS_TASK_RETRIES",
        # A secret has no place in the environment of what renders.
        "HELIOS_WEBHOOK_SECRET",
        "HELIOS_WEBHOOK_SECRET_NAME",
    }
)
#: Variable of the job with the full name of the secret that signs webhooks.
WEBHOOK_SECRET_NAME = "HELIOS_WEBHOOK_SECRET_NAME"  # noqa: S105 - the variable's name
# Those that Cloud Run sets.
_PLATFORM_VARIABLES = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
_MEMBER = re.compile(r"(user|group|serviceAccount|domain|principal|principalSet):\S+")
_UNITS = {"Mi": 1 / 1024, "Gi": 1}


def matches(pattern: str, what: str) -> AfterValidator:
    """Return a validator for a pattern; `what` describes valid values in messages."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"{value!r} is not {what}")
        return value

    return AfterValidator(check)


Project = Annotated[
    str,
    matches(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", "a project id, such as my-videos-123"),
]
Region = Annotated[str, matches(r"[a-z]+-[a-z]+\d+", "a region, such as europe-west1")]
Name = Annotated[
    str,
    matches(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", "a name of a-z, 0-9 and -, at most 49 characters"),
]
Image = Annotated[
    str,
    matches(
        r"[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}",
        "an image by digest, such as europe-west1-docker.pkg.dev/project/helios/worker@sha256:...",
    ),
]
ServiceAccount = Annotated[
    str, matches(r"[^@\s]+@[^@\s]+\.gserviceaccount\.com", "the e-mail of a service account")
]
Bucket = Annotated[
    str, matches(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", "a bucket's name (without gs://)")
]
Memory = Annotated[str, matches(r"\d+(Mi|Gi)", "an amount of memory, such as 4Gi or 1536Mi")]
Secret = Annotated[
    str,
    matches(
        r"(projects/[^/\s]+/secrets/)?[A-Za-z0-9_-]{1,255}",
        "a secret's name in Secret Manager (of another project: projects/ID/secrets/NAME)",
    ),
]
Ingress = Literal["all", "internal", "internal-and-cloud-load-balancing"]


class CloudRunPlace(WireModel, extra="forbid"):
    """Where workers are: a service and a job of one name, in one region of one project."""

    project: Project = Field(description="Id of the Google Cloud project.")
    region: Region = Field(description="Region of service, job and bucket.")
    name: Name = Field(default="helios-worker", description="Name of the service and the job.")

    @property
    def parent(self) -> str:
        """Parent of service and job."""
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def service(self) -> str:
        """Full name of the service."""
        return f"{self.parent}/services/{self.name}"

    @property
    def job(self) -> str:
        """Full name of the job."""
        return f"{self.parent}/jobs/{self.name}"

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Check values, named as in Python or in JSON, and return them as one object.

        Raises
        ------
        OptionInvalid
            A value is missing or can't be worked with; `details` hold one line a fault.
        """
        return checked(cls, values, what="Cloud Run configuration")


class CloudRunConfiguration(CloudRunPlace):
    """Workers as they should be: a service for single chunks, a job for detached renders.

    Whatever is not given has its default, also if it was given when it was last deployed.
    """

    image: Image = Field(description="The worker's image, by digest.")
    service_account: ServiceAccount = Field(description="Whom the workers act as.")
    bucket: Bucket = Field(description="Bucket for artifacts; made unless it is there.")
    cpu: Literal[1, 2, 4, 6, 8] = Field(default=2, description="CPUs of an instance.")
    memory: Memory = Field(default="4Gi", description="Memory of an instance.")
    concurrency: int = Field(
        default=1, ge=1, le=1000, description="Chunks that one instance renders at a time."
    )
    max_instances: int = Field(
        default=100, ge=1, le=10_000, description="Instances of the service at most."
    )
    timeout: int = Field(
        default=900, ge=30, le=MAX_REQUEST_TIMEOUT, description="Seconds for a chunk."
    )
    task_timeout: int = Field(
        default=MAX_REQUEST_TIMEOUT,
        ge=30,
        le=MAX_TASK_TIMEOUT,
        description="Seconds for a task of a detached render.",
    )
    task_retries: int = Field(
        default=3, ge=0, le=10, description="Further tries of a task that failed."
    )
    webhook_secret: Secret | None = Field(
        default=None, description="Secret by which detached renders sign webhooks."
    )
    ingress: Ingress = Field(default="all", description="Networks that may reach the service.")
    invokers: tuple[str, ...] = Field(
        default=(), description="Members that may render, such as user:ann@example.com."
    )
    allowed_sources: tuple[str, ...] = Field(
        default=(), description="URL prefixes that workers may read from beside the bucket."
    )
    intermediate_days: int = Field(
        default=7, ge=1, le=3650, description="Days after which chunks are deleted."
    )
    asset_days: int = Field(
        default=90, ge=1, le=3650, description="Days after which a composition is deleted."
    )
    output_days: int = Field(
        default=0, ge=0, le=3650, description="Days after which videos are deleted; 0: never."
    )
    env: dict[str, str] = Field(
        default_factory=dict, description="Further environment variables of the workers."
    )

    @property
    def lets_people_in(self) -> bool:
        """Whether people may render, not service accounts alone."""
        machines = ("serviceAccount:", "principal:", "principalSet:")
        return not self.invokers or not all(who.startswith(machines) for who in self.invokers)

    @property
    def artifacts(self) -> str:
        """URL of the storage for artifacts."""
        return f"gs://{self.bucket}"

    @classmethod
    def read_file(cls, path: Path) -> dict[str, Any]:
        """Return the settings of a JSON file by their names in Python, unchecked.

        Raises
        ------
        OptionInvalid
            The file can't be read, or doesn't hold a JSON object.
        """
        try:
            document = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as fault:
            raise OptionInvalid(f"{path}: can't be read as JSON: {fault}") from fault
        if not isinstance(document, dict):
            raise OptionInvalid(f"{path}: should hold a JSON object of settings")
        names = {field.alias: name for name, field in cls.model_fields.items()}
        return {names.get(key, str(key)): value for key, value in document.items()}

    @field_validator("invokers")
    @classmethod
    def _are_known(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        for member in members:
            if member in PUBLIC_MEMBERS:
                raise ValueError(
                    f"{member} would let the public render at your expense; name members"
                )
            if not _MEMBER.fullmatch(member):
                raise ValueError(
                    f"{member!r} is not a member, such as user:ann@example.com or"
                    " serviceAccount:ci@project.iam.gserviceaccount.com"
                )
        return tuple(sorted(set(members)))

    @field_validator("allowed_sources")
    @classmethod
    def _are_prefixes(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        for source in sources:
            if "," in source or not re.fullmatch(r"(gs|s3|https?)://\S+", source):
                raise ValueError(f"{source!r} is not a URL prefix (gs://, s3://, http(s)://)")
        return sources

    @field_validator("env")
    @classmethod
    def _are_free(cls, env: dict[str, str]) -> dict[str, str]:
        for name in env:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError(f"{name!r} is not a variable's name")
            if name in MANAGED_VARIABLES:
                raise ValueError(f"{name} is set by deploying and can't be given")
            if name in _PLATFORM_VARIABLES:
                raise ValueError(f"{name} is reserved by Cloud Run")
        return env

    @property
    def memory_gib(self) -> float:
        """GiB of memory of an instance."""
        return int(self.memory[:-2]) * _UNITS[self.memory[-2:]]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        least, most = MEMORY_BY_CPU[self.cpu]
        if not least <= self.memory_gib <= most:
            raise ValueError(
                f"memory {self.memory}: with {self.cpu} CPU(s), Cloud Run gives an instance"
                f" {least:g} to {most:g} GiB"
            )
        if 0 < self.output_days < self.intermediate_days:
            raise ValueError("outputDays: videos would be deleted before their chunks")
        return self


def checked(model: type[Model], values: Mapping[str, Any], *, what: str) -> Model:
    """Return values as a model, or raise `OptionInvalid` with a line for each fault."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as fault:
        details = [fault_line(error) for error in fault.errors(include_url=False)]
        raise OptionInvalid(f"{what}: {len(details)} fault(s)", details=details) from None


def fault_line(error: Mapping[str, Any]) -> str:
    """Return what pydantic says of one fault as a line: where, and what is wrong."""
    where = ".".join(str(part) for part in error["loc"])
    missing = error["type"] == "missing"
    said = "is missing" if missing else error["msg"].removeprefix("Value error, ")
    return f"{where}: {said}" if where else said
