"""The names of a stack's resources, which policies allow."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from helios.errors import OptionInvalid
from orchestrator.clouds.log_query import log_groups
from orchestrator.model.deployment import AwsStack

_FOLDER = re.compile(r"(?:[A-Za-z0-9_-]+/)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class StackNames:
    """Names of a stack's resources, or patterns for a stack that isn't deployed yet."""

    stack: str
    partition: str = "aws"
    region: str = "*"
    account: str = "*"
    bucket: str
    chunk_function: str
    merge_function: str
    state_machine: str
    log_groups: Sequence[str]
    #: ARN of the key that encrypts the bucket; empty if it is S3's own.
    kms_key: str = ""
    #: What the keys of all objects begin with: empty, or ending in a slash.
    folder: str = ""
    #: The same of a tenant's objects below that.
    prefix: str = ""

    @classmethod
    def of(cls, stack: AwsStack) -> Self:
        """Return the names of a stack that is deployed."""
        _, partition, _, region, account, _, machine = stack.state_machine.split(":")
        bucket, _, folder = stack.artifacts.removeprefix("s3://").partition("/")
        return cls(
            stack=stack.name,
            partition=partition,
            region=region,
            account=account,
            bucket=bucket,
            folder=f"{folder}/" if folder else "",
            chunk_function=stack.chunk_function,
            merge_function=stack.merge_function,
            state_machine=machine,
            log_groups=log_groups(stack),
            kms_key=stack.kms_key,
        )

    @classmethod
    def expected(cls, stack: str, *, region: str = "*") -> Self:
        """Return patterns that the names of a stack will match."""
        return cls(
            stack=stack,
            region=region,
            bucket=f"{stack.lower()}-artifacts*",
            chunk_function=f"{stack}-WorkersChunk*",
            merge_function=f"{stack}-WorkersMerge*",
            state_machine=f"{stack}-StateMachine*",
            log_groups=[f"{stack}-Workers*"],
        )

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in the stack's region and account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    @property
    def functions(self) -> Sequence[str]:
        """ARNs of both workers."""
        names = (self.chunk_function, self.merge_function)
        return [self.arn("lambda", f"function:{name}") for name in names]

    @property
    def machine(self) -> str:
        """ARN of the state machine."""
        return self.arn("states", f"stateMachine:{self.state_machine}")


def with_prefix(names: StackNames, policy: str, folder: str | None) -> StackNames:
    """Return the names with a tenant's folder in the bucket; the same for None."""
    if folder is None:
        return names
    if policy != "render":
        raise OptionInvalid(f"`prefix`: goes with the policy render, not with {policy}")
    prefix = f"{folder.strip('/')}/"
    if not _FOLDER.fullmatch(prefix) or ".." in prefix:
        raise OptionInvalid(
            f"`prefix` {folder!r}: can't be a tenant's folder",
            hint="Letters, digits, - and _, with / between folders: tenants/a.",
        )
    return replace(names, prefix=prefix)
