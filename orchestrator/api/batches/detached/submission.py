"""Starts a batch that a deployment runs without a client."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from helios.concurrency import map_limited
from helios.contract.spec_consistency import output_path_fault
from helios.errors import OptionInvalid
from orchestrator.api.batches.output_names import OutputNames
from orchestrator.api.batches.plan import BatchPlan, plan_batch
from orchestrator.api.batches.row_plan import BatchRequest, PlannedRow
from orchestrator.api.batches.shared_workers import store_composition
from orchestrator.api.batches.timelines import Timelines
from orchestrator.api.rendering.checks import check_detached
from orchestrator.api.targets.costs import cost_deadline
from orchestrator.api.targets.deployments import DeploymentName, chunks_at_once, detached_renders
from orchestrator.api.targets.target import CloudRun, Lambda
from orchestrator.backends.detached.batch import BatchStatus, DetachedBatch
from orchestrator.backends.detached.batch_record import (
    BatchRecord,
    BatchRow,
    new_batch_id,
    row_job_id,
)
from orchestrator.backends.detached.renders import DetachedRenders
from orchestrator.delivery.packaging import link_composition, package_job
from orchestrator.display.display import Display
from orchestrator.model.deployment import CloudRunWorkers

#: Rows that are planned and stored at once.
_STORED_AT_ONCE = 16


async def submit_batch(
    request: BatchRequest,
    name: DeploymentName,
    *,
    target_settings: Sequence[str] = (),
    display: Display,
) -> BatchStatus:
    """Plan a batch, store its rows in a deployment, and begin as many as may run at once.

    Args:
        request: The batch; its targets are those of the deployment.
        target_settings: Other settings of the target, which are refused.

    Raises:
        RowsInvalid: Rows have faults.
        OptionInvalid: A setting or an output doesn't go with detached rows.
    """
    if OutputNames(request.output).is_url:
        raise OptionInvalid(
            f"`output` {request.output}: detached rows leave their videos in their own folders",
            hint="Give names such as out/{id}.mp4; `orchestrator fetch ID -o URL` copies them.",
        )
    deployment = await name.find()
    target = CloudRun() if isinstance(deployment, CloudRunWorkers) else Lambda()
    plan = await plan_batch(replace(request, targets=(target,)))
    settings = plan.settings
    for row in plan.rows:
        check_detached(settings, row.destination, None, target_settings)
    at_once = await chunks_at_once(deployment, settings.concurrency)
    leaders = [row for row in plan.rows if row.same_as is None]
    timelines = Timelines(plan, leaders, at_once=at_once)
    await timelines.find(display)
    row_concurrency = max(1, at_once // len(leaders))
    chunks = sum(map(timelines.chunks, leaders))
    batch_id = new_batch_id()
    record = BatchRecord(
        id=batch_id,
        source=request.source,
        created_at=datetime.now(UTC),
        concurrency=at_once,
        row_concurrency=row_concurrency,
        stop_at=cost_deadline(settings.max_cost, deployment, chunks=chunks, at_once=at_once),
        rows=[_recorded(row, batch_id, plan) for row in plan.rows],
    )
    async with detached_renders(deployment) as renders:
        with display.activity(f"storing what workers need in {renders.backend.artifacts}"):
            await _store(leaders, timelines, record, plan=plan, renders=renders, display=display)
        batch = await DetachedBatch.create(record, renders)
        status = await batch.begin()
    rows = len(plan.rows)
    display.note(
        "submitted",
        f"{batch_id}: {rows} rows, of which {record.rows_at_once} at once run on {deployment};"
        f" orchestrator watch {batch_id}",
        id=batch_id,
        rows=rows,
        rowsAtOnce=record.rows_at_once,
    )
    return status


def _recorded(row: PlannedRow, batch_id: str, plan: BatchPlan) -> BatchRow:
    folder = OutputNames(plan.request.output).folder
    assert row.destination.path is not None  # noqa: S101 - URLs are refused
    name = row.destination.path.relative_to(folder).as_posix()
    fault = output_path_fault(name)
    if fault is not None:
        raise OptionInvalid(f"row {row.number} (line {row.line}): output {fault}")
    return BatchRow(
        row=row.number,
        line=row.line,
        job=row_job_id(batch_id, row.same_as or row.number),
        name=name,
    )


async def _store(
    rows: list[PlannedRow],
    timelines: Timelines,
    record: BatchRecord,
    *,
    plan: BatchPlan,
    renders: DetachedRenders,
    display: Display,
) -> None:
    """Store the composition once, and the job of each row."""
    assets = await store_composition(plan, [renders.backend.artifacts], renders.stores)
    with tempfile.TemporaryDirectory(prefix="helios-") as scratch:
        folder = Path(scratch)
        link_composition(plan.request.source, folder, plan.settings.root)

        async def store(row: PlannedRow) -> None:
            spec = await timelines.spec(row, folder, display)
            named = spec.model_copy(update={"id": row_job_id(record.id, row.number)})
            job = package_job(named, folder, own_files=plan.own_files)
            await renders.store(job, assets=assets)

        await map_limited(store, rows, limit=_STORED_AT_ONCE)
