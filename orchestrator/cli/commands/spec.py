"""`orchestrator validate` and `orchestrator schema`: the format of job specs."""

import json
from typing import TYPE_CHECKING

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@command
async def validate(job: flags.SpecPath, display: "Display") -> None:
    """Check a job spec; exit status 0 if it is valid, else each fault is shown by its JSON path."""
    from helios.contract.job_spec import JobSpec

    spec = JobSpec.load(job)
    facts = spec.metadata
    display.note(
        "completed",
        f"{job}: valid; {len(spec.chunks)} chunk(s), {facts.total_frames} frames,"
        f" {facts.width}x{facts.height} at {facts.fps:g} fps",
        chunks=len(spec.chunks),
        totalFrames=facts.total_frames,
    )


def schema() -> None:
    """Print the JSON Schema of job specs."""
    from helios.contract.job_spec import json_schema

    print(json.dumps(json_schema(), indent=2))
