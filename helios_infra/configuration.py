"""The configuration of a deployment: the context of cdk.json as one typed object."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from helios.contract.wire_model import WireModel
from helios.errors import OptionInvalid
from helios.process.render_executor import DEFAULT_EXECUTABLES
from helios_infra.cloud_run.resource import CloudRunResource
from helios_infra.cloud_run.validation import fault_line
from helios_infra.setting_types import (
    BucketName,
    BucketPrefix,
    Days,
    Destination,
    Disk,
    Email,
    Executable,
    KmsKey,
    LogDays,
    Memory,
    Region,
    Reserved,
    SecurityGroup,
    Source,
    StackName,
    Subnet,
    TagName,
    TagValue,
    TenantFolder,
    Timeout,
    Vpc,
    object_or_none,
    parsed_object,
    several,
)

#: Prefix of the names of this project's context values.
PREFIX = "helios:"
_HINT = "Values are set in cdk.json, or by `-c helios:NAME=VALUE`; docs/deploy-aws.md lists them."


class Configuration(WireModel, extra="forbid"):
    """Everything that can be set about a deployment.

    Each value is `helios:<name in camelCase>` in the context of cdk.json.

    Raises:
        OptionInvalid: From `of`: invalid values; `details` hold one line per fault.
    """

    stack_name: StackName = Field(
        default="Helios", description="Name of the stack, by which clients find it."
    )
    regions: Annotated[tuple[Region, ...], BeforeValidator(several)] = Field(
        default=(), description="Regions, one stack in each; none: the one of the AWS profile."
    )
    architecture: Literal["x86_64", "arm64"] = Field(
        default="x86_64", description="Processor of the workers, for which the image is built."
    )

    chunk_memory: Memory = Field(
        default=3008, description="Memory of a chunk worker in MB; 1,769 MB come with one core."
    )
    chunk_disk: Disk = Field(default=2048, description="Disk (/tmp) of a chunk worker in MB.")
    chunk_timeout: Timeout = Field(
        default=900, description="Seconds that a chunk may take before it is ended."
    )
    chunk_concurrency: Reserved = Field(
        default=None,
        description="Chunk workers reserved, which is also their limit; none: they share the "
        "account's.",
    )
    chunk_retries: Annotated[int, Field(ge=0, le=20)] = Field(
        default=4, description="Further tries of a chunk after failures that may heal."
    )
    merge_memory: Memory = Field(default=3008, description="Memory of a merge worker in MB.")
    merge_disk: Disk = Field(
        default=10240, description="Disk of a merge worker in MB: all chunks and the video."
    )
    merge_timeout: Timeout = Field(
        default=900, description="Seconds that a merge may take before it is ended."
    )
    merge_concurrency: Reserved = Field(
        default=None, description="Merge workers reserved, which is also their limit."
    )
    max_concurrency: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=200, description="Chunks of a render at the same time, if the render doesn't say."
    )
    render_timeout: Annotated[int, Field(ge=60, le=31_536_000)] = Field(
        default=21_600, description="Seconds that a detached render may take as a whole."
    )

    intermediate_days: Days = Field(
        default=7, description="Days after which chunks and other intermediates are deleted."
    )
    asset_days: Days = Field(
        default=90, description="Days after its upload when a composition's archive is deleted."
    )
    output_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        default=0, description="Days after which videos are deleted; 0: never."
    )
    bucket_name: BucketName = Field(
        default="", description="Existing bucket to deploy into; empty: a new one."
    )
    bucket_prefix: BucketPrefix = Field(
        default="",
        description="Folder of the bucket that all of it lies in; empty: none.",
    )
    kms_key: KmsKey = Field(
        default="",
        description="Key that encrypts the bucket: `create`, or an ARN; empty: S3's own.",
    )
    keep_data: bool = Field(
        default=True, description="Whether the bucket stays when the stack is destroyed."
    )
    log_days: LogDays = Field(default=30, description="Days that logs are kept.")

    allowed_sources: Annotated[tuple[Source, ...], BeforeValidator(several)] = Field(
        default=(),
        description="URL prefixes (s3, https) beside the stack's bucket that jobs may read from.",
    )
    destinations: Annotated[tuple[Destination, ...], BeforeValidator(several)] = Field(
        default=(),
        description="URLs (s3) that videos may be delivered to, each with =SECRET_ARN where a "
        "secret has the credentials.",
    )
    tenant_folder: TenantFolder = Field(
        default="",
        description="Folder of the bucket below which each tenant has a folder of its own for jobs "
        "and assets; empty: none.",
    )
    executables: Annotated[tuple[Executable, ...], BeforeValidator(several)] = Field(
        default=tuple(sorted(DEFAULT_EXECUTABLES)), description="Programs that chunks may run."
    )
    private_webhooks: bool = Field(
        default=False, description="Whether webhooks may be at addresses of private networks."
    )
    vpc_id: Vpc = Field(default="", description="VPC that the workers run in; empty: none.")
    subnet_ids: Annotated[tuple[Subnet, ...], BeforeValidator(several)] = Field(
        default=(), description="Private subnets of that VPC."
    )
    security_group_ids: Annotated[tuple[SecurityGroup, ...], BeforeValidator(several)] = Field(
        default=(), description="Security groups of the workers in that VPC."
    )

    tracing: bool = Field(default=True, description="Whether X-Ray traces the workers.")
    alarm_email: Email = Field(
        default="", description="Address that alarms and the budget write to; empty: none."
    )
    runaway_invocations: Annotated[int, Field(ge=1)] = Field(
        default=20_000, description="Chunk invocations in an hour that raise an alarm."
    )
    monthly_budget: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=0, description="US dollars a month that raise an alarm; 0: no budget."
    )
    budget_scope: Literal["account", "stack"] = Field(
        default="account",
        description="What the budget counts: the account, or what bears the stack's tag.",
    )
    tags: Annotated[dict[TagName, TagValue], BeforeValidator(parsed_object)] = Field(
        default={}, description="Further tags of everything that is deployed."
    )
    cloud_run: Annotated[CloudRunResource | None, BeforeValidator(object_or_none)] = Field(
        default=None, description="Workers on Google Cloud Run, deployed as well; empty: none."
    )

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.vpc_id and not (self.subnet_ids and self.security_group_ids):
            raise ValueError("vpcId: needs subnetIds and securityGroupIds")
        if not self.vpc_id and (self.subnet_ids or self.security_group_ids):
            raise ValueError("vpcId: is missing, although subnets or security groups are named")
        if self.output_days and self.output_days < self.intermediate_days:
            raise ValueError("outputDays: videos would be deleted before their intermediates")
        if self.bucket_name and self.kms_key == "create":
            raise ValueError("kmsKey: `create` goes with a new bucket; name the bucket's own key")
        if self.bucket_name and len(self.regions) > 1:
            raise ValueError("bucketName: a bucket is in one region, but several are named")
        if not self.executables:
            raise ValueError("executables: none is named, so that no chunk could run")
        if len(set(self.regions)) < len(self.regions):
            raise ValueError("regions: one is named twice")
        return self

    @property
    def destination_urls(self) -> tuple[str, ...]:
        """URLs that videos may be delivered to."""
        return tuple(entry.partition("=")[0] for entry in self.destinations)

    @property
    def destination_secrets(self) -> dict[str, str]:
        """ARN of the secret with the credentials of each destination that has one."""
        pairs = (entry.partition("=") for entry in self.destinations)
        return {url: secret for url, _, secret in pairs if secret}

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> Self:
        """Read the configuration from the context of a CDK app.

        Args:
            context: All context values; those whose names don't begin with `PREFIX` are left alone.

        Raises:
            OptionInvalid: A value can't be deployed, or a name isn't known.
        """
        values = {
            name.removeprefix(PREFIX): value
            for name, value in context.items()
            if name.startswith(PREFIX)
        }
        try:
            return cls.model_validate(values, by_alias=True, by_name=False)
        except ValidationError as fault:
            details = [_sentence(dict(error)) for error in fault.errors(include_url=False)]
        raise OptionInvalid(
            f"this can't be deployed: {_count(len(details))} in the configuration",
            details=details,
            hint=_HINT,
        )


def _count(faults: int) -> str:
    return "1 value is wrong" if faults == 1 else f"{faults} values are wrong"


def _sentence(error: Mapping[str, Any]) -> str:
    where = [str(step) for step in error["loc"]]
    if not where:  # a rule between values, which names the value itself
        return PREFIX + str(error["msg"]).removeprefix("Value error, ")
    name = where[0]
    if len(where) > 1 and name == "cloudRun":
        return f"{PREFIX}{name}.{fault_line({**error, 'loc': where[1:]})}"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, [to_camel(f) for f in Configuration.model_fields])
        meant = f"; is {PREFIX}{near[0]} meant?" if near else ""
        return f"{PREFIX}{name}: there is no such value{meant}"
    what = next(f.description for f in Configuration.model_fields.values() if f.alias == name)
    reason = str(error["msg"]).removeprefix("Value error, ")
    return f"{PREFIX}{name}: {error['input']!r}: {reason} ({what})"
