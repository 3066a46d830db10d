"""A render of very many tiny chunks over the local Lambda endpoint, which throttles and crashes."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sandbox.clouds import AwsSide, aws_side
from tests.helios.worker_setup import FPS, FRAMES, SIZE, make_spec
from tests.orchestrator.adapters.lambda_api import Answer, function_error, lambda_api, refusal
from tests.orchestrator.cloud_sites import DRAWS

THROTTLED = 0.10
CRASHED = 0.05
#: Invocations that may be needed for each chunk; 1.17 are, if nothing is done in vain.
MOST_PER_CHUNK = 1.2

#: Seconds that it all may take: some ten minutes on two cores.
MOST_SECONDS = 1_800

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(MOST_SECONDS + 100),
    pytest.mark.xdist_group("clouds"),
]

_THROTTLE = refusal(429, "TooManyRequestsException", "Rate Exceeded.")
_CRASH = function_error({"errorType": "Runtime.ExitError", "errorMessage": "exit status 1"})


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsSide]:
    with aws_side(tmp_path_factory.mktemp("aws"), at_once=4, variables=DRAWS) as side:
        yield side


def unreliable(session: aiohttp.ClientSession, endpoint: str, told: Counter[str]) -> Answer:
    """Answer as the endpoint does, but for a share of invocations that end badly."""
    chance = random.Random(5)

    async def answer(request: web.Request, body: bytes) -> web.StreamResponse:
        drawn = chance.random()
        if drawn < THROTTLED:
            told["throttled"] += 1
            return await _THROTTLE(request, body)
        if drawn < THROTTLED + CRASHED:
            told["crashed"] += 1
            return await _CRASH(request, body)
        told["invoked"] += 1
        headers = {
            name: value for name, value in request.headers.items() if name.startswith("X-Amz")
        }
        async with session.post(endpoint + request.path, data=body, headers=headers) as response:
            return web.Response(
                body=await response.read(), status=response.status, headers=_amazon(response)
            )

    return answer


def _amazon(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith("X-Amz")}


def write_spec(folder: Path, chunks: int) -> None:
    command = (
        f"ffmpeg -loglevel error -f lavfi -i testsrc=s={SIZE}:r={FPS}:d=9 -frames:v {FRAMES} "
        "-c:v libx264 -preset ultrafast -pix_fmt yuv420p chunks/{:05}.mp4"
    )
    folder.mkdir()
    spec = make_spec([command.format(number) for number in range(chunks)], merge="")
    (folder / "job.json").write_text(spec.to_json())


@pytest.mark.parametrize(
    "chunks",
    [pytest.param(150, marks=pytest.mark.long), pytest.param(2_000, marks=pytest.mark.proof)],
)
def test_throttling_and_crashes_cost_few_invocations_more(
    bench: Any, aws: AwsSide, chunks: int
) -> None:
    write_spec(bench.folder / "job", chunks)
    told: Counter[str] = Counter()

    async def render() -> Any:
        async with aiohttp.ClientSession() as session:
            answer = unreliable(session, aws.variables["AWS_ENDPOINT_URL"], told)
            async with lambda_api(answer) as api:
                env = {**aws.variables, "AWS_ENDPOINT_URL_LAMBDA": api.url}
                flags = ("--adapter", "lambda", "--retries", 5, "--retry-delay", 0.2)
                command = bench.start("run", "job/job.json", *flags, "--json", env=env)
                return await asyncio.to_thread(command.end, seconds=MOST_SECONDS)

    done = asyncio.run(render())
    assert done.status == 0, done.stdout[-2_000:] + done.stderr
    events = Counter(document["event"] for document in done.documents)
    assert events["chunk_finished"] == chunks
    print(json.dumps({**told, "backups": events["backup_started"]}))
    # Throttling is no attempt.
    assert events["chunk_retrying"] <= told["crashed"]
    assert told.total() <= MOST_PER_CHUNK * chunks
    assert told["invoked"] + told["crashed"] <= 1.1 * chunks
