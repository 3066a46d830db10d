"""Answers of AWS services that no local server has, through the SDK's own stubs."""

from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.stub import Stubber


class Answers:
    """A session whose clients give prepared answers; other clients reach the local AWS.

    Args:
        prepared: By service, the operations in the order in which they are called, each with its
            answer: a response, or the name of an error, and perhaps the parameters that it must be
            called with.
    """

    def __init__(self, prepared: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
        self._session = boto3.session.Session()
        self._prepared = prepared
        self.region_name = self._session.region_name

    def client(self, service: str, **options: Any) -> Any:
        make: Any = self._session.client
        client = make(service, **options)
        if service in self._prepared:
            stubber = Stubber(client)
            for operation, answer, *expected in self._prepared[service]:
                if isinstance(answer, str):
                    stubber.add_client_error(operation, answer, "no", 403)
                else:
                    stubber.add_response(operation, answer, *expected)
            stubber.activate()
        return client
