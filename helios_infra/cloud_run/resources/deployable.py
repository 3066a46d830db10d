"""Creating, updating and deleting a service or a job."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from google.api_core.exceptions import Aborted, AlreadyExists, NotFound
from google.api_core.operation_async import AsyncOperation
from google.cloud import run_v2

from helios.errors import DeploymentFailed
from helios_infra.cloud_run.changes import Change, OnStep, differences
from helios_infra.cloud_run.failures import explained
from helios_infra.cloud_run.operations import FIRST_POLL, finish
from helios_infra.cloud_run.resources.container import ATTEMPT, LABEL, OWNER

# Limit of tries of an update that conflicts with concurrent ones.
_TRIES = 3

Resource = TypeVar("Resource", run_v2.Service, run_v2.Job)


class Deployable(ABC, Generic[Resource]):
    """A resource of Cloud Run that is created or updated as requested.

    Args:
        name: Its full name.
        on_step: Called for each step.
        first_poll: Seconds between the first two looks at an operation.
    """

    kind: ClassVar[str]

    def __init__(self, name: str, *, on_step: OnStep, first_poll: float = FIRST_POLL) -> None:
        self.name = name
        self._on_step = on_step
        self._first_poll = first_poll

    @property
    def title(self) -> str:
        """Name of the resource in messages."""
        return f"{self.kind} {self.short_name}"

    @property
    def parent(self) -> str:
        """Project and location that it is in."""
        return "/".join(self.name.split("/")[:4])

    @property
    def short_name(self) -> str:
        """Its name in its project and location."""
        return self.name.rpartition("/")[2]

    @abstractmethod
    def empty(self) -> Resource:
        """Return a resource without any settings."""

    @abstractmethod
    def copy(self, resource: Resource) -> Resource:
        """Return an independent copy."""

    @abstractmethod
    def facts(self, resource: Resource) -> dict[str, str]:
        """Return the managed settings, by their names in messages."""

    @abstractmethod
    def template(self, resource: Resource) -> Any:
        """Return the template with the annotations for the next deployment."""

    @abstractmethod
    async def _get(self) -> Resource: ...

    @abstractmethod
    async def _create(self, wanted: Resource) -> AsyncOperation: ...

    @abstractmethod
    async def _update(self, wanted: Resource) -> AsyncOperation: ...

    @abstractmethod
    async def _delete(self, etag: str) -> AsyncOperation: ...

    async def read(self) -> Resource | None:
        """Return the resource as it is; None if it isn't there."""
        with explained(self.title):
            try:
                return await self._get()
            except NotFound:
                return None

    async def bring(
        self, configure: Callable[[Resource], None], *, adopt: bool = False
    ) -> tuple[Resource, Change]:
        """Create the resource, or update it if it differs from the request.

        Args:
            configure: Changes a resource as requested.
            adopt: Whether one that was made by other means is taken over.

        Returns:
            The current resource, and its change.
        """
        with explained(self.title):
            for attempt in range(_TRIES):
                try:
                    return await self._bring(configure, adopt=adopt)
                except (Aborted, AlreadyExists):
                    # It was changed meanwhile: the difference is computed again.
                    if attempt == _TRIES - 1:
                        raise
        raise AssertionError("unreachable")

    async def _bring(
        self, configure: Callable[[Resource], None], *, adopt: bool
    ) -> tuple[Resource, Change]:
        current = await self.read()
        if current is None:
            wanted = self.empty()
            configure(wanted)
            change = Change(self.title, "created", differences({}, self.facts(wanted)))
            return await self._finish(await self._create(wanted)), change
        if not is_ours(current) and not adopt:
            raise DeploymentFailed(
                f"{self.title}: is there already and was made by other means",
                hint="Choose another name, or take it over with --adopt.",
            )
        wanted = self.copy(current)
        configure(wanted)
        if is_ready(current) and self.facts(wanted) == self.facts(current):
            return current, Change(self.title, "unchanged")
        if self.facts(wanted) == self.facts(current):
            # The same settings failed before. Cloud Run tries them again if something differs.
            annotations = self.template(wanted).annotations
            annotations[ATTEMPT] = str(int(annotations.get(ATTEMPT, "1")) + 1)
        fields = differences(self.facts(current), self.facts(wanted))
        return await self._finish(await self._update(wanted)), Change(self.title, "updated", fields)

    async def remove(self) -> Change:
        """Delete the resource if it is ours."""
        current = await self.read()
        if current is None:
            return Change(self.title, "absent")
        if not is_ours(current):
            return Change(self.title, "kept")
        with explained(self.title):
            try:
                await self._finish(await self._delete(current.etag))
            except NotFound:
                return Change(self.title, "absent")
        return Change(self.title, "deleted")

    async def _finish(self, operation: AsyncOperation) -> Any:
        return await finish(
            operation, resource=self.title, on_step=self._on_step, first_poll=self._first_poll
        )


def is_ours(resource: run_v2.Service | run_v2.Job) -> bool:
    """Whether a resource was made or adopted by deploying."""
    return bool(resource.labels.get(LABEL) == OWNER)


def is_ready(resource: run_v2.Service | run_v2.Job) -> bool:
    """Whether the last deployment of a resource succeeded."""
    condition = resource.terminal_condition
    succeeded = condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED
    return bool(succeeded and not resource.reconciling)
