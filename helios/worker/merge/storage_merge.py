"""Merges chunks that exceed the worker's disk: inside the storage, with audio made here."""

from dataclasses import replace
from pathlib import PurePosixPath

from helios.contract.command import format_command
from helios.contract.merge_command import MergeCommand, merged_name
from helios.contract.worker_job import WorkerResult
from helios.stitcher.storage_stitcher import merge_in_storage
from helios.worker.merge.merged_output import MergedOutput


async def merge_on_storage(output: MergedOutput) -> WorkerResult:
    """Have the storage concatenate the chunks, and store the result and its record."""
    context, spec = output.context, output.context.spec
    name = merged_name(spec)
    audio = f"audio{PurePosixPath(name).suffix}"
    command = MergeCommand.of(spec.merge_command)
    words = command.audio_command(audio, {c.output_file for c in spec.chunks}) if command else []
    async with context.workspace([audio], needs_assets=bool(words)) as workspace:
        count = len(output.records)
        result = WorkerResult(exit_code=0, stdout=f"{count} chunks joined in storage\n")
        if words:
            made = await context.run_command(format_command(words), workspace=workspace)
            if made.exit_code != 0:
                return made
        key = output.folder.output(name)
        with context.stopwatch.measure("store"):
            artifact = await merge_in_storage(
                output.storage, spec, output.records, output=key, audio=workspace / audio
            )
    await output.record(artifact, name=key, frames=spec.metadata.total_frames)
    return replace(result, artifact=artifact)
