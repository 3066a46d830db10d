"""IAM policies of services and jobs."""

import uuid

import grpc
from google.iam.v1 import iam_policy_pb2, policy_pb2

from sandbox.google.cloud_run_api.faults import Refused

_MEMBERS = ("user:", "group:", "serviceAccount:", "domain:", "principal:", "principalSet:")
_EVERYBODY = ("allUsers", "allAuthenticatedUsers")


class Policies:
    """The policies by the full names of their resources."""

    def __init__(self) -> None:
        self._policies: dict[str, policy_pb2.Policy] = {}
        #: Permissions denied to callers regardless of policies.
        self.denied: set[str] = set()

    def get(self, resource: str) -> policy_pb2.Policy:
        """Return a resource's policy."""
        return self._policies.get(resource) or policy_pb2.Policy(etag=b"ACAB")

    def set(self, request: iam_policy_pb2.SetIamPolicyRequest) -> policy_pb2.Policy:
        """Replace a resource's policy.

        Raises:
            Refused: The policy isn't valid, or was changed since it was read.
        """
        current = self.get(request.resource)
        if request.policy.etag and request.policy.etag != current.etag:
            raise Refused(
                grpc.StatusCode.ABORTED,
                "There were concurrent policy changes. Please retry the whole read-modify-write"
                " with exponential backoff.",
            )
        for binding in request.policy.bindings:
            for member in binding.members:
                if member not in _EVERYBODY and not member.startswith(_MEMBERS):
                    raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"Invalid member: {member}")
        policy = policy_pb2.Policy()
        policy.CopyFrom(request.policy)
        policy.etag = uuid.uuid4().bytes
        self._policies[request.resource] = policy
        return policy

    def test(
        self, request: iam_policy_pb2.TestIamPermissionsRequest
    ) -> iam_policy_pb2.TestIamPermissionsResponse:
        """Return which of the permissions in question the caller has."""
        granted = [name for name in request.permissions if name not in self.denied]
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=granted)

    def forget(self, resource: str) -> None:
        """Delete the policy of a deleted resource."""
        self._policies.pop(resource, None)
