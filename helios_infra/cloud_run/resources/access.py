"""Grants access to workers and their bucket: to named members, never to the public."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Protocol

from google.api_core.exceptions import Aborted, PreconditionFailed
from google.iam.v1 import policy_pb2

from helios_infra.cloud_run.changes import Change, FieldChange
from helios_infra.cloud_run.configuration import PUBLIC_MEMBERS
from helios_infra.cloud_run.failures import explained

#: Lets a member render a chunk by the service.
INVOKER = "roles/run.invoker"
#: Lets a member start a detached render, and cancel it; but not look at it.
EXECUTOR = "roles/run.jobsExecutorWithOverrides"
#: Lets a member find a service or a job, and see how far its executions are.
VIEWER = "roles/run.viewer"
#: Lets a member read, write and list artifacts.
OBJECT_USER = "roles/storage.objectUser"
#: Lets a member read and list artifacts.
OBJECT_VIEWER = "roles/storage.objectViewer"

# Policies with conditions can only be read whole, and written back whole, in this version.
_VERSION = 3
# Attempts to write a policy that is changed by others at the same time.
_TRIES = 3

#: A binding of a policy as a mapping: `role`, `members`, and perhaps a `condition`.
Binding = Mapping[str, Any]


class PolicyClient(Protocol):
    """Common interface of the clients of services and jobs."""

    async def get_iam_policy(self, request: dict[str, Any], /) -> policy_pb2.Policy:
        """Return a resource's policy."""

    async def set_iam_policy(self, request: dict[str, Any], /) -> policy_pb2.Policy:
        """Replace a resource's policy."""


def members_of(bindings: Iterable[Binding], role: str) -> tuple[str, ...]:
    """Return the members that have a role without conditions."""
    return tuple(
        sorted(
            member
            for binding in bindings
            if binding["role"] == role and not binding.get("condition")
            for member in binding["members"]
        )
    )


async def read_bindings(client: PolicyClient, resource: str) -> list[Binding]:
    """Return the policy of a service or a job."""
    return _bindings(await _read(client, resource))


async def grant(
    client: PolicyClient,
    resource: str,
    *,
    title: str,
    roles: Iterable[str],
    members: Iterable[str],
    exactly: bool = True,
) -> Change:
    """Give roles on a service, a job or an account to members, and none to the public.

    Args:
        title: The resource in messages.
        exactly: Whether to take the roles from all others.
    """
    title = f"access to {title}"
    with explained(title):
        changes = await _grant(client, resource, tuple(roles), frozenset(members), exactly=exactly)
    return access_change(title, changes)


def access_change(title: str, fields: tuple[FieldChange, ...]) -> Change:
    """Return the change of a policy."""
    return Change(title, "updated" if fields else "unchanged", fields)


async def _grant(
    client: PolicyClient,
    resource: str,
    roles: tuple[str, ...],
    named: Set[str],
    *,
    exactly: bool,
) -> tuple[FieldChange, ...]:
    for attempt in range(_TRIES):
        policy = await _read(client, resource)
        before = _bindings(policy)
        wanted = {
            role: named | (frozenset() if exactly else frozenset(members_of(before, role)))
            for role in roles
        }
        after = _arranged(before, wanted)
        changes = _differences(before, after)
        if not changes:
            return ()
        written = policy_pb2.Policy(version=_VERSION, etag=policy.etag)
        written.bindings.extend(policy_pb2.Binding(**binding) for binding in after)
        try:
            await client.set_iam_policy({"resource": resource, "policy": written})
            return changes
        except Aborted:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def grant_objects(
    bucket: Any, *, members: Iterable[str], viewers: Iterable[str] = (), exactly: bool
) -> tuple[FieldChange, ...]:
    """Give the use of a bucket's objects to members, and their reading to viewers.

    Args:
        bucket: The bucket (google-cloud-storage is untyped).
        exactly: Whether to take their use from all others, and from the public. A bucket that
            others own as well keeps what they granted.
    """
    for attempt in range(_TRIES):
        policy = bucket.get_iam_policy(requested_policy_version=_VERSION)
        before = list(policy.bindings)
        kept = () if exactly else members_of(before, OBJECT_USER)
        reading = frozenset((*viewers, *members_of(before, OBJECT_VIEWER)))
        users = frozenset((*members, *kept))
        after = _arranged(before, {OBJECT_USER: users, OBJECT_VIEWER: reading})
        changes = _differences(before, after)
        if not changes:
            return ()
        policy.version = _VERSION
        policy.bindings = after
        try:
            bucket.set_iam_policy(policy)
            return changes
        except PreconditionFailed:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


async def _read(client: PolicyClient, resource: str) -> policy_pb2.Policy:
    return await client.get_iam_policy(
        {"resource": resource, "options": {"requested_policy_version": _VERSION}}
    )


def _bindings(policy: policy_pb2.Policy) -> list[Binding]:
    return [
        {
            "role": binding.role,
            "members": list(binding.members),
            **({"condition": binding.condition} if binding.HasField("condition") else {}),
        }
        for binding in policy.bindings
    ]


def _arranged(bindings: Iterable[Binding], wanted: Mapping[str, Set[str]]) -> list[Binding]:
    """Return bindings in which exactly these members have these roles, and none is the public."""
    kept: list[Binding] = []
    for binding in bindings:
        if binding["role"] in wanted and not binding.get("condition"):
            continue
        remaining = sorted(set(binding["members"]) - PUBLIC_MEMBERS)
        if remaining:
            kept.append({**binding, "members": remaining})
    given = [{"role": role, "members": sorted(members)} for role, members in wanted.items()]
    return [*kept, *(binding for binding in given if binding["members"])]


def _differences(before: Sequence[Binding], after: Sequence[Binding]) -> tuple[FieldChange, ...]:
    had, has = _grants(before), _grants(after)
    given = [FieldChange(role, None, member) for role, member in sorted(has - had)]
    taken = [FieldChange(role, member, None) for role, member in sorted(had - has)]
    return (*given, *taken)


def _grants(bindings: Iterable[Binding]) -> set[tuple[str, str]]:
    return {
        (f"{binding['role']}{' (conditional)' if binding.get('condition') else ''}", member)
        for binding in bindings
        for member in binding["members"]
    }
