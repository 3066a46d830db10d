"""Plans a batch: all rows are checked before the first of them is rendered."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from helios.assets.pack import folder_digest
from helios.errors import HeliosError
from helios.renderer.composition import Composition
from helios.renderer.dialects import PageDefaults, needed_files
from orchestrator.api.batches.output_names import OutputNames
from orchestrator.api.batches.row_plan import BatchRequest, PlannedRow, RowPlanner
from orchestrator.api.batches.row_settings import PROPS_PREFIX, is_prop
from orchestrator.api.batches.rows import Faults, Row, read_rows, source_name
from orchestrator.api.rendering.checks import check_attached
from orchestrator.api.rendering.planning import read_declared
from orchestrator.api.rendering.settings import RenderSettings


@dataclass(slots=True, kw_only=True)
class BatchPlan:
    """The rows of a batch, and what they have in common.

    Attributes:
        content: Digest of the composition's files; None of a page on the web.
        folder: Folder for the batch's record and for the jobs of its rows.
    """

    request: BatchRequest
    settings: RenderSettings
    rows: list[PlannedRow]
    content: str | None
    folder: Path
    own_files: list[Path] = field(default_factory=list)


async def plan_batch(request: BatchRequest) -> BatchPlan:
    """Read and check all rows of a batch.

    The page isn't loaded, except where only its scripts know its size and rate.

    Raises:
        RowsInvalid: Rows have faults, each of which is named with its line.
        OptionInvalid: A setting of the batch is invalid.
    """
    settings = RenderSettings.of(request.keywords)
    names = OutputNames(request.output)
    check_attached(settings, request.targets, None)
    composition = Composition.find(request.source, root=settings.root)
    dialect, declared = await read_declared(composition, settings)
    # Another thread, so that Ctrl-C doesn't wait for ten thousand rows.
    return await asyncio.to_thread(
        _plan, request, settings, names, composition=composition, dialect=dialect, declared=declared
    )


def _plan(
    request: BatchRequest,
    settings: RenderSettings,
    names: OutputNames,
    *,
    composition: Composition,
    dialect: str,
    declared: PageDefaults,
) -> BatchPlan:
    faults = Faults(source_name(request.rows))
    rows = read_rows(request.rows, faults)
    _check_columns(rows, names, declared, faults)
    planner = RowPlanner(
        request, settings, names, composition=composition, dialect=dialect, declared=declared
    )
    planned = []
    for number, row in enumerate(rows, 1):
        try:
            planned.append(planner.plan(number, row))
        except ValueError as fault:
            faults.add(str(fault), row.line)
        except HeliosError as fault:
            details = f" ({'; '.join(fault.details)})" if fault.details else ""
            faults.add(f"{fault.message}{details}", row.line)
    _check_outputs(planned, faults)
    faults.check()
    folder = settings.job_dir or _folder(names)
    return BatchPlan(
        request=request,
        settings=settings,
        rows=planned,
        content=_content(composition, settings.composition_id, names),
        folder=folder,
        own_files=[folder, names.folder] if not names.is_url else [folder],
    )


def _folder(names: OutputNames) -> Path:
    if names.is_url:
        return Path(f"{names.label or 'videos'}.batch")
    return names.folder / ".batch"


def _content(
    composition: Composition, composition_id: str | None, names: OutputNames
) -> str | None:
    root = composition.root
    if root is None:
        return None
    inside: list[str] = []
    folder = (Path() if names.is_url else names.folder).resolve()
    if not names.is_url and folder != root and folder.is_relative_to(root):
        inside.append(folder.relative_to(root).as_posix())
    try:
        needed = needed_files(composition, composition_id)
        return folder_digest(root, leave_out=inside, only=needed)
    except (HeliosError, OSError):
        # It may be rendered nevertheless, but what has changed in it can't be known.
        return None


def _check_columns(
    rows: Iterable[Row], names: OutputNames, declared: PageDefaults, faults: Faults
) -> None:
    """Note what is wrong with whole columns, once for all rows."""
    columns = {name for row in rows for name in row.values}
    for name in names.columns:
        if name not in columns:
            faults.add(f"there is no column {name!r}, which the output is named by")
    if declared.variables is not None:
        known = {variable.name for variable in declared.variables}
        for name in sorted(columns):
            prop = name.removeprefix(PROPS_PREFIX)
            if is_prop(name) and prop not in known and name not in names.columns:
                faults.add(f"column {name!r}: the page declares no such variable")
    faults.check("Columns are settings, props, or part of the output's name.")


def _check_outputs(rows: Iterable[PlannedRow], faults: Faults) -> None:
    seen: dict[str, int] = {}
    for row in rows:
        first = seen.setdefault(row.output, row.line)
        if first != row.line:
            faults.add(f"output {row.output} is that of line {first}, too", row.line)
