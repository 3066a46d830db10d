"""Sizes of a Lambda function are compared by samples on one core and on several."""

import asyncio
import os
import sys

import pytest

from helios.errors import OptionInvalid
from orchestrator.api.rendering.estimation import estimate_render
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.api.targets.deployments import DeploymentName
from orchestrator.cost import AwsWorkers
from orchestrator.cost.forecast import Pace
from orchestrator.cost.memory_advice import SIZES, Samples, memory_choices, one_core
from orchestrator.display.display import SilentDisplay
from tests.orchestrator.cost.test_forecast import job


def samples(one: float, two: float) -> Samples:
    return Samples(one=Pace(seconds_a_frame=one), several=Pace(seconds_a_frame=two), cores=2)


def test_the_part_of_a_frame_that_runs_on_all_cores_is_divided() -> None:
    # 0.02 s on one core, and 0.08 s on all.
    paces = [samples(0.1, 0.06).at(cpus).seconds_a_frame for cpus in (1, 2, 4)]
    assert paces == pytest.approx([0.1, 0.06, 0.04])


def test_a_frame_that_gains_nothing_by_cores_takes_the_same_on_each_number() -> None:
    assert samples(0.1, 0.12).at(5).seconds_a_frame == pytest.approx(0.1)


def test_more_memory_is_faster_and_pays_only_where_frames_use_the_cores() -> None:
    def cheapest(found: Samples) -> int:
        choices = memory_choices(job(4), found, AwsWorkers(), concurrency=4)
        assert [choice.memory for choice in choices] == list(SIZES)
        assert sorted((each.seconds for each in choices), reverse=True) == [
            each.seconds for each in choices
        ]
        return min(choices, key=lambda choice: choice.dollars).memory

    assert cheapest(samples(0.1, 0.1)) == SIZES[0]
    prices = memory_choices(job(4), samples(0.1, 0.05), AwsWorkers(), concurrency=4)
    # Twice the CPUs for half of the time cost the same, but for the start.
    assert prices[2].dollars < 1.5 * prices[0].dollars


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
async def test_processes_are_bound_to_one_core_for_the_sample_alone() -> None:
    async def cores() -> int:
        program = "import os; print(len(os.sched_getaffinity(0)))"
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=pipe)
        return int((await child.communicate())[0])

    before = await cores()
    if before == 1:
        pytest.skip("this machine has one core")
    with one_core() as number:
        assert (number, await cores()) == (before, 1)
    assert await cores() == before


@pytest.mark.parametrize("others", [{"seconds_per_frame": 0.1}, {"like": "a-render"}])
async def test_sizes_are_not_compared_by_a_speed_that_was_given(others: dict[str, object]) -> None:
    with pytest.raises(OptionInvalid, match="give one of them"):
        await estimate_render(
            "page.html",
            "video.mp4",
            RenderSettings(),
            DeploymentName(),
            tune=True,
            display=SilentDisplay(),
            **others,  # type: ignore[arg-type]
        )
