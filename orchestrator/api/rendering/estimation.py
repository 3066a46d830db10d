"""Estimates cost, by list prices, and duration of a detached render."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from helios.contract.job_spec import JobSpec
from helios.errors import JobStateConflict, OptionInvalid
from orchestrator.adapters.local import LocalWorkerAdapter
from orchestrator.api.rendering.planning import plan_render
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.api.targets.concurrency import REMOTE_CONCURRENCY
from orchestrator.api.targets.costs import workers_of
from orchestrator.api.targets.deployments import DeploymentName, chunks_at_once, detached_renders
from orchestrator.cost import AwsWorkers, Cost, cost_of
from orchestrator.cost.forecast import (
    Pace,
    expected_seconds,
    expected_usage,
    measured_pace,
    recorded_pace,
)
from orchestrator.cost.memory_advice import MemoryChoice, Samples, memory_choices, one_core
from orchestrator.cost.merge_forecast import MergeForecast, forecast_merge
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.packaging import link_composition, name_in_assets
from orchestrator.display.display import Display
from orchestrator.model.deployment import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The expected cost and duration of a render."""

    spec: JobSpec
    cost: Cost
    #: From its start to its video.
    seconds: float
    #: Chunks at the same time.
    concurrency: int
    #: The speed of workers, and its source.
    pace: Pace
    #: The forecast of stitching its chunks.
    merge: MergeForecast
    #: The same with other sizes of the function, if they were asked for.
    memory: Sequence[MemoryChoice] = ()

    def document(self) -> dict[str, Any]:
        """Return the estimate as JSON value."""
        return {
            **self.cost.document(),
            "seconds": round(self.seconds, 1),
            "chunks": len(self.spec.chunks),
            "frames": self.spec.metadata.total_frames,
            "concurrency": self.concurrency,
            "pace": {
                "secondsPerFrame": self.pace.seconds_a_frame,
                "startSeconds": self.pace.start_seconds,
                "bytesPerFrame": self.pace.bytes_a_frame,
                "source": self.pace.source,
            },
            "merge": self.merge.document(),
            **({"memory": [asdict(choice) for choice in self.memory]} if self.memory else {}),
        }


async def estimate_render(
    source: str,
    video: str,
    settings: RenderSettings,
    name: DeploymentName,
    *,
    seconds_per_frame: float | None = None,
    like: str | None = None,
    tune: bool = False,
    display: Display,
) -> Estimate:
    """Plan a render, and estimate it without starting anything in the cloud.

    Args:
        video: Name of the video, which decides on its format.
        name: Identifies the deployment; without one, the defaults of a stack on AWS apply.
        seconds_per_frame: Of a worker; by default some frames are rendered here.
        like: Detached render whose records give the speed of workers, in place of that.
        tune: Whether other sizes of a Lambda function are compared, by one more sample.
    """
    if [seconds_per_frame is not None, like is not None, tune].count(True) > 1:
        raise OptionInvalid("`seconds_per_frame`, `like` and `tune`: give one of them")
    deployment = await name.find_if_named()
    workers = workers_of(deployment, region=name.region)
    if tune and not isinstance(workers, AwsWorkers):
        raise OptionInvalid("`tune`: compares sizes of a Lambda function, and this is Cloud Run")
    if deployment is None:
        at_once = settings.concurrency or REMOTE_CONCURRENCY
    else:
        at_once = await chunks_at_once(deployment, settings.concurrency)
    with tempfile.TemporaryDirectory(prefix="helios-") as scratch:
        folder = Path(scratch)
        link_composition(source, folder, settings.root)
        spec = await plan_render(
            source,
            Destination(path=folder / video),
            settings,
            concurrency=at_once,
            job_dir=folder,
            display=display,
            remote=True,
            input_name=name_in_assets(source, settings.root),
        )
        if like is not None:
            pace = await _pace_of(like, await name.find())
        elif seconds_per_frame is not None:
            pace = Pace(seconds_a_frame=seconds_per_frame)
        else:
            with display.activity("rendering some frames for a sample"):
                pace = await measured_pace(spec, folder, LocalWorkerAdapter())
        memory: Sequence[MemoryChoice] = ()
        if tune and isinstance(workers, AwsWorkers):
            with display.activity("rendering them on one core"), one_core() as cores:
                alone = await measured_pace(spec, folder, LocalWorkerAdapter())
            samples = Samples(one=alone, several=pace, cores=cores)
            memory = memory_choices(spec, samples, workers, concurrency=at_once)
    return Estimate(
        spec=spec,
        cost=cost_of(expected_usage(spec, pace), workers),
        seconds=expected_seconds(spec, pace, concurrency=at_once),
        concurrency=at_once,
        pace=pace,
        merge=forecast_merge(spec, pace.bytes_a_frame, workers),
        memory=memory,
    )


async def _pace_of(render: str, deployment: Deployment) -> Pace:
    async with detached_renders(deployment) as renders:
        found = await renders.status(render)
        records = await renders.records(found.id, found.spec, found.done)
    if not records:
        raise JobStateConflict(
            f"render {render!r}: it has no finished chunks to take the speed from"
        )
    return recorded_pace(records, f"render {render}, {len(records)} chunks")
