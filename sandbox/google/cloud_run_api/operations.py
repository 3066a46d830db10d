"""Long-running operations, which advance each time they are read."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf import any_pb2
from google.rpc import status_pb2

from sandbox.google.cloud_run_api.faults import Refused

#: Returns the resource as it is now.
Look = Callable[[], Any]


@dataclass(slots=True)
class _Running:
    look: Look
    # Does the work, or raises its failure; returns False until it is finished.
    work: Callable[[], bool]
    looks_left: int
    error: Refused | None = None
    done: bool = False


class Operations:
    """The operations of the API.

    Args:
        looks: Number of requests to which an operation answers that it isn't finished.
    """

    def __init__(self, *, looks: int = 2) -> None:
        self.looks = looks
        self._running: dict[str, _Running] = {}
        self._lock = threading.Lock()

    def begin(
        self, parent: str, *, look: Look, work: Callable[[], bool]
    ) -> operations_pb2.Operation:
        """Begin an operation on a resource (proto-plus), and return it."""
        name = f"{parent}/operations/{uuid.uuid4()}"
        self._running[name] = _Running(look, work, self.looks)
        return self._describe(name)

    def get(self, name: str) -> operations_pb2.Operation:
        """Return an operation, which advances with each request."""
        with self._lock:
            running = self._running.get(name)
            if running is None:
                raise Refused(grpc.StatusCode.NOT_FOUND, f"Operation {name} not found")
            if not running.done:
                self._go_on(running)
            return self._describe(name)

    def _go_on(self, running: _Running) -> None:
        if running.looks_left > 0:
            running.looks_left -= 1
            return
        try:
            running.done = running.work()
        except Refused as error:
            running.error, running.done = error, True

    def _describe(self, name: str) -> operations_pb2.Operation:
        running = self._running[name]
        resource = _packed(running.look())
        operation = operations_pb2.Operation(name=name, metadata=resource, done=running.done)
        if running.error is not None:
            operation.error.CopyFrom(
                status_pb2.Status(code=running.error.code.value[0], message=running.error.message)
            )
        elif running.done:
            operation.response.CopyFrom(resource)
        return operation


def _packed(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(type(message).pb(message))
    return packed
