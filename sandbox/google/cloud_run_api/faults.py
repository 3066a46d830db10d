"""Planned faults: refused calls, failed operations, and concurrent changes."""

import threading
from collections import defaultdict
from collections.abc import Callable

import grpc


class Refused(Exception):
    """A call or an operation with a status other than OK."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Faults:
    """Faults that are planned for methods, named as in the API (`CreateService`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refusals: dict[str, list[Refused]] = defaultdict(list)
        self._operations: dict[str, list[Refused]] = defaultdict(list)
        self._before: dict[str, list[Callable[[], None]]] = defaultdict(list)

    def refuse(self, method: str, code: grpc.StatusCode, message: str, *, times: int = 1) -> None:
        """Refuse the next calls of a method."""
        self._refusals[method] += [Refused(code, message)] * times

    def fail_operation(self, method: str, code: grpc.StatusCode, message: str) -> None:
        """Make the operation fail that the next call of a method begins."""
        self._operations[method].append(Refused(code, message))

    def before(self, method: str, action: Callable[[], None]) -> None:
        """Call a function before the next call of a method is answered."""
        self._before[method].append(action)

    def begin(self, method: str) -> None:
        """Apply the faults planned for a call.

        Raises:
            Refused: The call is to be refused.
        """
        with self._lock:
            actions = [self._before[method].pop(0)] if self._before[method] else []
            refusals = [self._refusals[method].pop(0)] if self._refusals[method] else []
        for action in actions:
            action()
        for refusal in refusals:
            raise refusal

    def operation(self, method: str) -> Refused | None:
        """Return the planned failure of the operation that a call begins, if any."""
        with self._lock:
            return self._operations[method].pop(0) if self._operations[method] else None
