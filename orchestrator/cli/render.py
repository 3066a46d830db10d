"""`orchestrator render`: from a composition to a video."""

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli import flags
from orchestrator.cli.flag_groups import Cut, Length, Picture, Running, Shown, with_groups

if TYPE_CHECKING:
    from orchestrator.display import Display


@with_groups
def render(
    source: flags.Source,
    output: flags.Output,
    length: Length,
    picture: Picture,
    cut: Cut,
    running: Running,
    shown: Shown,
    concurrency: flags.Concurrency = None,
    adapter: flags.Adapter = "local",
    job_dir: flags.JobDir = None,
    keep: flags.Keep = False,
) -> None:
    """Plan, render and stitch: from a composition to a video."""

    async def work(display: "Display") -> None:
        from orchestrator.cli.planning import plan_render, write_spec
        from orchestrator.local_run import run_job
        from orchestrator.places import choose_adapter
        from orchestrator.resume import is_planned_alike

        worker = choose_adapter(adapter)
        folder = job_dir or _folder_beside(output)
        spec = await plan_render(
            display,
            source,
            output,
            length=length,
            options=picture.options(),
            sizes=cut.sizes(concurrency),
            job_dir=folder,
        )
        job_file = folder / "job.json"
        alike = is_planned_alike(spec, job_file)
        if running.resume and not alike:
            display.note(
                "replanned", "the plan isn't that of the last run: all chunks are rendered"
            )
        write_spec(job_file, spec)
        await run_job(
            spec,
            adapter=worker,
            job_file=job_file,
            job_dir=folder,
            output=output,
            options=running.options(concurrency, resume=running.resume and alike),
            display=display,
        )
        if not (keep or job_dir or running.leaves_chunks):
            _remove_job(folder)

    shown.run(work)


def _folder_beside(output: Path) -> Path:
    from helios.errors import OptionInvalid

    if output.name in ("", ".."):
        raise OptionInvalid(f"output {str(output)!r}: names no file", hint="Give a file's name.")
    return output.with_name(f"{output.name}.job")


def _remove_job(folder: Path) -> None:
    """Remove what a render left in its job's folder, and the folder if nothing else is in it."""
    shutil.rmtree(folder / "chunks", ignore_errors=True)
    (folder / "job.json").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
