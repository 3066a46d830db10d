"""Chunks as processes of this machine."""

from collections.abc import Collection
from typing import Any

from helios.process.render_executor import DEFAULT_EXECUTABLES, RenderExecutor
from orchestrator.adapters.base import WorkerAdapter

#: Executables that commands may start on this machine: its user chose the job spec.
LOCAL_EXECUTABLES = DEFAULT_EXECUTABLES | {"ffmpeg", "ffprobe", "node"}


class LocalWorkerAdapter(RenderExecutor, WorkerAdapter):
    """Runs jobs as local processes.

    Parameters
    ----------
    allowed:
        Executables that may run; by default `LOCAL_EXECUTABLES`.
    options:
        Others of `RenderExecutor`.
    """

    def __init__(
        self, *, allowed: Collection[str] | None = LOCAL_EXECUTABLES, **options: Any
    ) -> None:
        super().__init__(allowed=allowed, **options)

    execute = RenderExecutor.run
