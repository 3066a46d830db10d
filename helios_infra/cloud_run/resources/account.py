"""The policy of a service account: who may act as it, or sign in its name."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from google.api_core import exceptions as api
from google.auth.credentials import Credentials
from google.auth.transport.requests import AuthorizedSession
from google.iam.v1 import policy_pb2
from google.protobuf import json_format
from requests import RequestException

#: Lets a member sign in the name of an account.
TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"  # noqa: S105 - a role's name
#: Names the address of the IAM API where it isn't the public one.
ENDPOINT_VARIABLE = "HELIOS_IAM_ENDPOINT"
_PUBLIC = "https://iam.googleapis.com"
_TIMEOUT = 30.0


def account_resource(email: str) -> str:
    """Return the full name of a service account."""
    return f"projects/-/serviceAccounts/{email}"


class AccountPolicies:
    """Reads and writes policies of service accounts, by the REST API of IAM.

    Args:
        env: Where the endpoint may be named.
    """

    def __init__(self, credentials: Credentials, *, env: Mapping[str, str] | None = None) -> None:
        self._session = AuthorizedSession(credentials)
        endpoint = (os.environ if env is None else env).get(ENDPOINT_VARIABLE) or _PUBLIC
        self._base = f"{endpoint}/v1"

    async def get_iam_policy(self, request: dict[str, Any], /) -> policy_pb2.Policy:
        """Return an account's policy."""
        # The API takes the version in the query, and refuses a body.
        version = request["options"]["requested_policy_version"]
        method = f"{request['resource']}:getIamPolicy?options.requestedPolicyVersion={version}"
        return await asyncio.to_thread(self._post, method)

    async def set_iam_policy(self, request: dict[str, Any], /) -> policy_pb2.Policy:
        """Replace an account's policy."""
        body = {"policy": json_format.MessageToDict(request["policy"])}
        try:
            return await asyncio.to_thread(self._post, f"{request['resource']}:setIamPolicy", body)
        except api.Conflict as fault:
            # It was changed meanwhile; gRPC's name for that is what callers expect.
            raise api.Aborted(fault.message) from fault

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    def _post(self, method: str, body: dict[str, Any] | None = None) -> policy_pb2.Policy:
        try:
            answer = self._session.post(f"{self._base}/{method}", json=body, timeout=_TIMEOUT)
        except RequestException as fault:
            raise api.ServiceUnavailable(str(fault)) from fault
        if not answer.ok:
            raise api.from_http_response(answer)
        return json_format.ParseDict(answer.json(), policy_pb2.Policy(), ignore_unknown_fields=True)
