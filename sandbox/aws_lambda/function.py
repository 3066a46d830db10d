"""The configuration of a function that its environments depend on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: The handler of functions whose image runs as processes.
WORKER_HANDLER = "worker_lambda.handler.handler"


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaFunction:
    """A deployed function.

    Args:
        version: Changes with each setting; environments of other versions get no invocations.
        memory: Bytes that an environment may use.
        timeout: Seconds that an invocation may take.
        temporary_storage: Bytes that /tmp may take (in containers only).
        handler: The handler's module and name, with dots.
        code: Folder with the function's own code; None where the handler is part of an installed
            package.
        image: Container image to run; None for processes.
        log_group: Log group that takes what it logs.
    """

    name: str
    arn: str
    version: str
    memory: int
    timeout: float
    temporary_storage: int = 512 << 20
    handler: str = WORKER_HANDLER
    variables: Mapping[str, str] = field(default_factory=dict)
    code: Path | None = None
    image: str | None = None
    log_group: str = ""

    @property
    def memory_megabytes(self) -> int:
        """The memory in megabytes (MiB)."""
        return self.memory >> 20
