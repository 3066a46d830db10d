"""Services and jobs as the API keeps them: generations, entity tags, conditions."""

import datetime
import hashlib
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import grpc
from google.cloud import run_v2
from google.longrunning import operations_pb2

from sandbox.google.cloud_run_api.faults import Refused
from sandbox.google.cloud_run_api.operations import Operations
from sandbox.google.cloud_run_api.policies import Policies
from sandbox.google.cloud_run_api.validation import (
    check_job,
    check_parent,
    check_resource_id,
    check_service,
)

Resource = TypeVar("Resource", run_v2.Service, run_v2.Job)

_STATE = run_v2.Condition.State
_SHARED = ("labels", "annotations", "client", "client_version", "launch_stage", "template")
_SERVICE_ONLY = (
    "description",
    "ingress",
    "traffic",
    "scaling",
    "invoker_iam_disabled",
    "default_uri_disabled",
    "custom_audiences",
)
_PORT = 8080


class Resources(Generic[Resource]):
    """The services, or the jobs, of the API.

    Args:
        kind: The type of resource.
        collection: Name of the collection in full names: `services`, `jobs`.
        settings: Names of the fields that callers may set.
        check: Raises `Refused` for settings that the real API refuses.
        ready: Called when a resource is ready, to fill in its status.
    """

    def __init__(
        self,
        kind: type[Resource],
        collection: str,
        *,
        settings: Sequence[str],
        check: Callable[[Resource], None],
        ready: Callable[[Resource], None],
        operations: Operations,
        policies: Policies,
    ) -> None:
        self._kind: type[Resource] = kind
        self._collection = collection
        self._settings = settings
        self._check: Callable[[Resource], None] = check
        self._ready: Callable[[Resource], None] = ready
        self._operations = operations
        self._policies = policies
        self.by_name: dict[str, Resource] = {}

    def get(self, name: str) -> Resource:
        """Return a resource."""
        check_parent("/".join(name.split("/")[:4]))
        found = self.by_name.get(name)
        if found is None:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Resource '{name}' was not found")
        return found

    def list(self, parent: str) -> list[Resource]:
        """Return the resources of a project's location."""
        check_parent(parent)
        return [self.by_name[name] for name in sorted(self.by_name) if name.startswith(parent)]

    def create(
        self, parent: str, short_name: str, wanted: Resource, *, failure: Refused | None
    ) -> operations_pb2.Operation:
        """Begin to create a resource."""
        check_parent(parent)
        check_resource_id(short_name)
        self._check(wanted)
        name = f"{parent}/{self._collection}/{short_name}"
        if name in self.by_name:
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"Resource '{name}' already exists.")
        created = self._kind(name=name, uid=str(uuid.uuid4()), generation=0)
        created.create_time = datetime.datetime.now(datetime.UTC)
        self.by_name[name] = created
        return self._apply(created, wanted, failure=failure)

    def update(self, wanted: Resource, *, failure: Refused | None) -> operations_pb2.Operation:
        """Begin to update a resource."""
        current = self.get(wanted.name)
        self._check_etag(current, wanted.etag)
        self._check(wanted)
        return self._apply(current, wanted, failure=failure)

    def delete(self, name: str, etag: str, *, failure: Refused | None) -> operations_pb2.Operation:
        """Begin to delete a resource."""
        current = self.get(name)
        self._check_etag(current, etag)

        def work() -> bool:
            if failure:
                raise failure
            self.by_name.pop(name, None)
            self._policies.forget(name)
            return True

        return self._operations.begin(_parent(name), look=lambda: current, work=work)

    def touch(self, name: str, change: Callable[[Resource], None]) -> None:
        """Change a resource as another client would during a deployment."""
        resource = self.get(name)
        change(resource)
        _stamp(resource)

    def _check_etag(self, current: Resource, etag: str) -> None:
        if etag and etag != current.etag:
            raise Refused(
                grpc.StatusCode.ABORTED,
                f"Conflict for resource '{current.name}': version '{etag}' was specified but"
                f" current version is '{current.etag}'.",
            )

    def _apply(
        self, current: Resource, wanted: Resource, *, failure: Refused | None
    ) -> operations_pb2.Operation:
        before = self._spec(current)
        for field in self._settings:
            setattr(current, field, getattr(wanted, field))
        _fill_in(current)
        parent = _parent(current.name)
        if self._spec(current) == before:
            # Nothing to do, even if the same settings failed before.
            return self._operations.begin(parent, look=lambda: current, work=lambda: True)
        _stamp(current)
        current.reconciling = True
        current.terminal_condition = _condition(_STATE.CONDITION_RECONCILING, "Deploying")

        def work() -> bool:
            current.reconciling = False
            current.observed_generation = current.generation
            if failure:
                current.terminal_condition = _condition(_STATE.CONDITION_FAILED, failure.message)
                raise failure
            current.terminal_condition = _condition(_STATE.CONDITION_SUCCEEDED, "")
            self._ready(current)
            return True

        return self._operations.begin(parent, look=lambda: current, work=work)

    def _spec(self, resource: Resource) -> bytes:
        spec = self._kind(**{field: getattr(resource, field) for field in self._settings})
        return bytes(self._kind.pb(spec).SerializeToString(deterministic=True))


def services(
    operations: Operations, policies: Policies, *, address: Callable[[run_v2.Service], str]
) -> Resources[run_v2.Service]:
    """Return the store of services; `address` returns the URL of a ready one."""

    def ready(service: run_v2.Service) -> None:
        revision = f"{service.name.rpartition('/')[2]}-{service.generation:05}-abc"
        service.latest_ready_revision = f"{service.name}/revisions/{revision}"
        service.latest_created_revision = service.latest_ready_revision
        service.uri = address(service)
        service.urls = [service.uri]

    return Resources(
        run_v2.Service,
        "services",
        settings=(*_SHARED, *_SERVICE_ONLY),
        check=check_service,
        ready=ready,
        operations=operations,
        policies=policies,
    )


def jobs(operations: Operations, policies: Policies) -> Resources[run_v2.Job]:
    """Return the store of jobs."""
    return Resources(
        run_v2.Job,
        "jobs",
        settings=_SHARED,
        check=check_job,
        ready=lambda _: None,
        operations=operations,
        policies=policies,
    )


def public_address(service: run_v2.Service) -> str:
    """Return a URL as the real API assigns it."""
    digest = hashlib.sha256(service.name.encode()).hexdigest()[:10]
    return f"https://{service.name.rpartition('/')[2]}-{digest}-ew.a.run.app"


def _fill_in(resource: Any) -> None:
    """Set the real API's defaults."""
    if not isinstance(resource, run_v2.Service):
        return
    for container in resource.template.containers:
        if not container.ports:
            container.ports = [run_v2.ContainerPort(name="http1", container_port=_PORT)]
        if container.startup_probe.http_get.path and not container.startup_probe.http_get.port:
            container.startup_probe.http_get.port = _PORT


def _stamp(resource: Any) -> None:
    resource.generation += 1
    resource.etag = f'"{uuid.uuid4().hex[:12]}"'
    resource.update_time = datetime.datetime.now(datetime.UTC)


def _condition(state: Any, message: str) -> run_v2.Condition:
    return run_v2.Condition(type_="Ready", state=state, message=message)


def _parent(name: str) -> str:
    return "/".join(name.split("/")[:4])
