"""A handle on one job, for programs without an event loop."""

import functools
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar

from orchestrator.api.blocking import iterate, run
from orchestrator.api.displays import ProgressEvent
from orchestrator.api.jobs.async_job import AsyncJobHandle
from orchestrator.api.jobs.snapshot import INTERVAL

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _blocking(
    method: Callable[Concatenate[AsyncJobHandle, _P], Coroutine[Any, Any, _T]],
) -> "Callable[Concatenate[JobHandle, _P], _T]":
    def call(handle: "JobHandle", /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        # By its name: the job's class has a method of its own.
        result: _T = run(getattr(handle._job, method.__name__)(*args, **kwargs))
        return result

    functools.update_wrapper(call, method)
    return call


class JobHandle:
    """A job, wherever it runs.

    Each method takes the parameters of that of `AsyncJobHandle`, raises the same errors, and
    returns when that has ended. A handle keeps no connection open, and can be used in any thread.

    Args:
        job: The job.
    """

    def __init__(self, job: AsyncJobHandle) -> None:
        self._job = job

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    @property
    def id(self) -> str:
        """The job's id, by which any process finds it again."""
        return self._job.id

    status = _blocking(AsyncJobHandle.status)
    wait = _blocking(AsyncJobHandle.wait)
    download = _blocking(AsyncJobHandle.download)
    link = _blocking(AsyncJobHandle.link)
    cancel = _blocking(AsyncJobHandle.cancel)
    pause = _blocking(AsyncJobHandle.pause)
    resume = _blocking(AsyncJobHandle.resume)
    cost = _blocking(AsyncJobHandle.cost)
    logs = _blocking(AsyncJobHandle.logs)
    report = _blocking(AsyncJobHandle.report)
    verify = _blocking(AsyncJobHandle.verify)
    delete = _blocking(AsyncJobHandle.delete)

    def events(self, *, interval: float = INTERVAL) -> Iterator[ProgressEvent]:
        """Yield the job's events from now on until it has ended.

        The first and the last one are notices with the job's status as facts.

        Args:
            interval: Seconds between two looks.
        """
        return iterate(self._job.events(interval=interval))
