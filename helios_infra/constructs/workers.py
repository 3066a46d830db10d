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
from helios_infra.constructs.network import Network

#: Share of a worker's disk that unpacked assets may keep between invocations.
_CACHE_SHARE = 0.4
_MB = 1024 * 1024


class Workers(Construct):
    """A chunk worker and a merge worker, each with the permissions for its work."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration: Configuration,
        artifacts: Artifacts,
        network: Network,
    ) -> None:
        super().__init__(scope, id)
        self._network = network
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
        self._allow_deliveries(self.merge.role)
        for worker, part in ((self.chunk, "chunk-worker"), (self.merge, "merge-worker")):
            cdk.Tags.of(worker).add("helios:part", part)

    def _chunk_worker(self) -> ImageFunction:
        wanted = self._configuration
        return ImageFunction(
            self,
            "Chunk",
            configuration=wanted,
            network=self._network,
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
            network=self._network,
            description="Helios: joins the chunks of a job",
            memory=wanted.merge_memory,
            disk=wanted.merge_disk,
            timeout=wanted.merge_timeout,
            reserved=wanted.merge_concurrency,
            environment={**self._environment(disk=wanted.merge_disk), **self._secrets()},
        )

    def _environment(self, *, disk: int) -> dict[str, str]:
        wanted = self._configuration
        named = ",".join(wanted.destination_urls)
        return {
            **({"HELIOS_ALLOWED_DESTINATIONS": named} if named else {}),
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
        for url in self._configuration.allowed_sources:
            if url.startswith("s3://"):
                _allow_place(role, url, actions=["s3:GetObject"], setting="allowedSources")

    def _allow_joining(self, worker: ImageFunction) -> None:
        """Allow to remove temporary objects of a join in storage, and to resume one."""
        # A record whose chunk is damaged goes, too, so that the chunk is rendered again.
        keys = [f"jobs/*/{JOINING}*", "jobs/*/chunks/*.json"]
        allow = self._artifacts.allow
        allow(worker.role, actions=["s3:DeleteObject"], keys=self._of_all(keys))
        uploads = ["jobs/*/output/*", f"jobs/*/{JOINING}*"]
        parts = ["s3:ListMultipartUploadParts"]
        allow(worker.role, actions=parts, keys=self._of_all(uploads))

    def _secrets(self) -> dict[str, str]:
        """Return the variable that names the secrets of destinations, if there are any."""
        pairs = [f"{url}={arn}" for url, arn in self._configuration.destination_secrets.items()]
        return {"HELIOS_DESTINATION_SECRETS": ",".join(pairs)} if pairs else {}

    def _allow_deliveries(self, role: iam.Role) -> None:
        """Allow to write videos to destinations, with the role's or a secret's credentials."""
        secrets = self._configuration.destination_secrets
        if secrets:
            role.add_to_policy(
                iam.PolicyStatement(
                    actions=["secretsmanager:GetSecretValue"],
                    resources=sorted(set(secrets.values())),
                )
            )
        for url in self._configuration.destination_urls:
            if url not in secrets:
                _allow_place(
                    role,
                    url,
                    actions=["s3:AbortMultipartUpload", "s3:PutObject"],
                    setting="destinations",
                )

    def _of_all(self, keys: list[str]) -> list[str]:
        """Return keys, and the same of every tenant."""
        folder = self._configuration.tenant_folder
        return [*keys, *(f"{folder}/*/{key}" for key in keys)] if folder else keys


def _allow_place(role: iam.Role, url: str, *, actions: list[str], setting: str) -> None:
    """Allow actions on the objects of another bucket whose URL begins so."""
    place = urlsplit(url)
    objects = f"s3:::{place.netloc}/{place.path.lstrip('/')}*"
    role.add_to_policy(
        iam.PolicyStatement(actions=actions, resources=[f"arn:{cdk.Aws.PARTITION}:{objects}"])
    )
    acknowledge(
        role,
        {
            f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:{objects}]": "The configuration "
            f"names this prefix in helios:{setting}."
        },
    )
