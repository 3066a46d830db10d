"""The Lambda functions that render: one for chunks, one for merges, both of one image."""

from urllib.parse import urlsplit

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from helios.records.chunk_index import INDEX
from helios.records.job_layout import HEALED_SPEC, JOINING
from helios_infra.acknowledge import acknowledge
from helios_infra.configuration import Configuration
from helios_infra.constructs.artifacts import Artifacts
from helios_infra.constructs.image_function import ImageFunction

#: Share of a worker's disk that unpacked assets may keep between invocations.
_CACHE_SHARE = 0.4
_MB = 1024 * 1024


class Workers(Construct):
    """A chunk worker and a merge worker, each with the permissions for its work."""

    def __init__(
        self, scope: Construct, id: str, *, configuration: Configuration, artifacts: Artifacts
    ) -> None:
        super().__init__(scope, id)
        self._configuration = configuration
        self._artifacts = artifacts
        self.chunk = self._chunk_worker()
        self.merge = self._merge_worker()
        self._allow(self.chunk, writes=["jobs/*/chunks/*", f"jobs/*/{INDEX}*"])
        # It renders chunks again where their seams can be seen.
        self._allow(
            self.merge,
            writes=[
                *("jobs/*/output/*", "jobs/*/chunks/*"),
                *(f"jobs/*/{INDEX}*", f"jobs/*/{HEALED_SPEC}"),
            ],
        )
        self._allow_joining(self.merge)
        for worker, part in ((self.chunk, "chunk-worker"), (self.merge, "merge-worker")):
            cdk.Tags.of(worker).add("helios:part", part)

    def _chunk_worker(self) -> ImageFunction:
        wanted = self._configuration
        return ImageFunction(
            self,
            "Chunk",
            configuration=wanted,
            description="Helios: renders one chunk of a job",
            memory=wanted.chunk_memory,
            disk=wanted.chunk_disk,
            timeout=wanted.chunk_timeout,
            reserved=wanted.chunk_concurrency,
            environment=self._environment(disk=wanted.chunk_disk),
        )

    def _merge_worker(self) -> ImageFunction:
        wanted = self._configuration
        return ImageFunction(
            self,
            "Merge",
            configuration=wanted,
            description="Helios: joins the chunks of a job",
            memory=wanted.merge_memory,
            disk=wanted.merge_disk,
            timeout=wanted.merge_timeout,
            reserved=wanted.merge_concurrency,
            environment=self._environment(disk=wanted.merge_disk),
        )

    def _environment(self, *, disk: int) -> dict[str, str]:
        wanted = self._configuration
        return {
            "HELIOS_ARTIFACTS": self._artifacts.url,
            "HELIOS_ALLOWED_SOURCES": ",".join([self._artifacts.url, *wanted.allowed_sources]),
            "HELIOS_EXECUTABLES": ",".join(wanted.executables),
            "HELIOS_ASSET_CACHE_BYTES": str(int(disk * _MB * _CACHE_SHARE)),
        }

    def _allow(self, worker: ImageFunction, *, writes: list[str]) -> None:
        artifacts, role = self._artifacts, worker.role
        artifacts.allow_listing(role)
        keys = self._of_all(["assets/*", "jobs/*"])
        artifacts.allow(role, actions=["s3:GetObject"], keys=keys)
        artifacts.allow(
            role,
            actions=["s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectTagging"],
            keys=self._of_all(writes),
        )
        for place in map(urlsplit, self._configuration.allowed_sources):
            if place.scheme == "s3":
                _allow_source(role, bucket=place.netloc, prefix=place.path.lstrip("/"))

    def _allow_joining(self, worker: ImageFunction) -> None:
        """Allow to remove temporary objects of a join in storage, and to resume one."""
        # A record whose chunk is damaged goes, too, so that the chunk is rendered again.
        keys = [f"jobs/*/{JOINING}*", "jobs/*/chunks/*.json"]
        allow = self._artifacts.allow
        allow(worker.role, actions=["s3:DeleteObject"], keys=self._of_all(keys))
        uploads = ["jobs/*/output/*", f"jobs/*/{JOINING}*"]
        parts = ["s3:ListMultipartUploadParts"]
        allow(worker.role, actions=parts, keys=self._of_all(uploads))

    def _of_all(self, keys: list[str]) -> list[str]:
        """Return keys, and the same of every tenant."""
        folder = self._configuration.tenant_folder
        return [*keys, *(f"{folder}/*/{key}" for key in keys)] if folder else keys


def _allow_source(role: iam.Role, *, bucket: str, prefix: str) -> None:
    objects = f"s3:::{bucket}/{prefix}*"
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:GetObject"], resources=[f"arn:{cdk.Aws.PARTITION}:{objects}"]
        )
    )
    acknowledge(
        role,
        {
            f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:{objects}]": "The configuration "
            "names this prefix in helios:allowedSources."
        },
    )
