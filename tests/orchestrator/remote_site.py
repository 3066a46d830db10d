"""Workers of this very process, with storages of their own, for runs that pass through both."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from helios.contract.invocation import Invocation
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import HeliosError
from helios.process.output_capture import OutputCallback
from helios.worker.runtime import WorkerRuntime
from helios.worker.worker_config import WorkerConfig
from helios.worker.worker_log import WorkerLog
from orchestrator.adapters import WorkerAdapter
from orchestrator.backends.deployed_workers import DeployedWorkers
from orchestrator.display.display import Display
from tests.helios.worker_setup import DRAWING

Answer = Callable[[WorkerJob], WorkerResult | HeliosError | None]


class RuntimeAdapter(WorkerAdapter):
    """Sends jobs over the wire format to a worker's runtime, without a wire."""

    def __init__(self, runtime: WorkerRuntime, answer: Answer) -> None:
        self.jobs: list[WorkerJob] = []
        self._runtime = runtime
        self._answer = answer

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        self.jobs.append(job)
        answer = self._answer(job)
        if isinstance(answer, HeliosError):
            raise answer
        if answer is not None:
            return answer
        payload = json.dumps(Invocation.of(job).payload())
        _, response = await self._runtime.answer(payload, on_output=on_output)
        return response.result()


class RemoteSite:
    """A worker and its storage, each in a folder of its own.

    Args:
        answer: What it answers in place of doing the job, if anything.
    """

    def __init__(self, folder: Path, name: str, *, answer: Answer = lambda _: None) -> None:
        self.name = name
        self.folder = folder / name / "artifacts"
        self.log = io.StringIO()
        config = WorkerConfig(
            artifacts=self.folder.as_uri(),
            workspace=folder / name / "disk",
            executables=DRAWING,
        )
        self.runtime = WorkerRuntime(config, log=WorkerLog(self.log))
        self.adapter = RuntimeAdapter(self.runtime, answer)

    def workers(self, *, weight: float = 1.0) -> DeployedWorkers:
        return DeployedWorkers(
            name=self.name, adapter=self.adapter, artifacts=self.folder.as_uri(), weight=weight
        )

    def names(self, pattern: str) -> list[str]:
        found = self.folder.glob(pattern)
        return sorted(path.relative_to(self.folder).as_posix() for path in found)

    def rendered(self) -> list[int]:
        """Return the chunks that were rendered here, in their order."""
        events = map(json.loads, self.log.getvalue().splitlines())
        return sorted(event["chunk"] for event in events if event["event"] == "chunk.stored")

    def merges(self) -> int:
        events = map(json.loads, self.log.getvalue().splitlines())
        return sum(event["event"] == "merge.stored" for event in events)


class Notes(Display):
    """Keeps what a run says."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[tuple[str, str, Mapping[str, Any]]] = []

    def note(self, kind: str, text: str, **facts: Any) -> None:
        self.notes.append((kind, text, facts))

    def facts(self, kind: str) -> list[Mapping[str, Any]]:
        return [facts for known, _, facts in self.notes if known == kind]

    def text(self, kind: str) -> str:
        return "\n".join(text for known, text, _ in self.notes if known == kind)
