"""The configuration of Cloud Run workers, validated before any change."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from helios.errors import OptionInvalid
from helios_infra.cloud_run.place import WEBHOOKS_SUFFIX, CloudRunPlace
from helios_infra.cloud_run.value_types import (
    Bucket,
    Connector,
    Egress,
    Image,
    Ingress,
    KmsKey,
    Memory,
    Network,
    NetworkTag,
    Secret,
    ServiceAccount,
)

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
        "HELIOS_WEBHOOKS_URL",
        # A secret has no place in the environment of what renders.
        "HELIOS_WEBHOOK_SECRET",
        "HELIOS_WEBHOOK_SECRET_NAME",
    }
)
# Characters of a service's name.
_LONGEST_SERVICE = 49
# Those that Cloud Run sets.
_PLATFORM_VARIABLES = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
_MEMBER = re.compile(r"(user|group|serviceAccount|domain|principal|principalSet):\S+")
_UNITS = {"Mi": 1 / 1024, "Gi": 1}


class CloudRunConfiguration(CloudRunPlace):
    """Workers as they should be: a service for single chunks, a job for detached renders.

    Whatever is not given has its default, also if it was given when it was last deployed.
    """

    image: Image = Field(description="The worker's image, by digest.")
    service_account: ServiceAccount = Field(
        description="E-mail of the account that workers act as."
    )
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
        default=None, description="Secret by which webhooks of detached renders are signed."
    )
    webhook_account: ServiceAccount | None = Field(
        default=None, description="E-mail of the account that signs and sends webhooks."
    )
    ingress: Ingress = Field(
        default="all",
        description="Networks that may reach the service:"
        " all, internal, internal-and-cloud-load-balancing.",
    )
    kms_key: KmsKey | None = Field(
        default=None, description="Key of Cloud KMS that encrypts bucket, service and job."
    )
    network: Network | None = Field(
        default=None, description="VPC network that workers send through, directly."
    )
    subnetwork: Network | None = Field(
        default=None, description="Subnetwork of it, in the workers' region."
    )
    network_tags: tuple[NetworkTag, ...] = Field(
        default=(), description="Tag of the workers for the network's firewall rules."
    )
    connector: Connector | None = Field(
        default=None, description="Serverless VPC Access connector, in place of a network."
    )
    egress: Egress = Field(
        default="private-ranges-only",
        description="What workers send through the network: private-ranges-only, all-traffic.",
    )
    invokers: tuple[str, ...] = Field(
        default=(), description="Member that may render, such as user:ann@example.com."
    )
    allowed_sources: tuple[str, ...] = Field(
        default=(), description="URL prefix that workers may read from beside the bucket."
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

        Raises:
            OptionInvalid: The file can't be read, or doesn't hold a JSON object.
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
        self._check_network()
        self._check_webhooks()
        if self.kms_key is not None and f"/locations/{self.region}/" not in self.kms_key:
            raise ValueError(f"kmsKey: should be in {self.region}, where the workers are")
        if 0 < self.output_days < self.intermediate_days:
            raise ValueError("outputDays: videos would be deleted before their chunks")
        return self

    def _check_webhooks(self) -> None:
        if (self.webhook_secret is None) != (self.webhook_account is None):
            missing = "webhookAccount" if self.webhook_account is None else "webhookSecret"
            raise ValueError(f"{missing}: is missing; webhookSecret and webhookAccount go together")
        if self.webhook_account == self.service_account:
            raise ValueError(
                "webhookAccount: should be another account than serviceAccount, which what renders"
                " pages acts as and which must not read the secret"
            )
        if self.webhook_account and len(self.name + WEBHOOKS_SUFFIX) > _LONGEST_SERVICE:
            most = _LONGEST_SERVICE - len(WEBHOOKS_SUFFIX)
            raise ValueError(f"name: with webhooks, at most {most} characters")

    def _check_network(self) -> None:
        direct = self.network is not None or self.subnetwork is not None
        if direct and self.connector is not None:
            raise ValueError("connector: goes without network and subnetwork")
        if self.network_tags and not direct:
            raise ValueError("networkTags: go with network or subnetwork")
        if self.egress == "all-traffic" and not direct and self.connector is None:
            raise ValueError("egress: all-traffic goes with network, subnetwork or connector")
