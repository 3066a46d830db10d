"""Makes the audio of a whole video on this machine."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from helios.contract.command import format_command
from helios.contract.merge_command import MergeCommand
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.process.output_capture import OutputCallback
from orchestrator.adapters import LocalWorkerAdapter


async def make_sound(
    merge: WorkerJob,
    output: Path,
    *,
    inputs: Collection[str],
    on_output: OutputCallback | None = None,
) -> WorkerResult:
    """Write the audio that a merge of inputs would add to the video; no file if there is none."""
    command = MergeCommand.of(format_command([merge.command, *merge.args]))
    where = str(output.absolute())  # noqa: ASYNC240 - looks at no file
    words = command.audio_command(where, inputs) if command else []
    if not words:
        return WorkerResult(exit_code=0)
    alone = replace(merge, command=words[0], args=words[1:])
    return await LocalWorkerAdapter().execute(alone, on_output=on_output)
