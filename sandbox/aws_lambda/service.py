"""A local AWS with a Lambda that runs functions: `python -m sandbox.aws_lambda.service`.

moto serves the APIs of S3, Lambda and other services. This module serves the Invoke route alone,
by environments that run the real runtime client.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from sandbox.aws.proxy import Proxy
from sandbox.aws_lambda.container_runtime import ContainerRuntime
from sandbox.aws_lambda.deployed_functions import Functions
from sandbox.aws_lambda.function import LambdaFunction
from sandbox.aws_lambda.invoke_api import REGION, LambdaService
from sandbox.aws_lambda.log_service import keep_log
from sandbox.aws_lambda.memory_watch import MemoryWatch
from sandbox.aws_lambda.pool import ENVIRONMENTS, KEEP_WARM, LambdaPool
from sandbox.aws_lambda.process_runtime import ProcessRuntime
from sandbox.aws_lambda.runtime import Runtime
from sandbox.containers.docker_engine import docker_client

_BACKLOG = 1024


def _start_moto(public_port: int) -> int:
    """Serve moto from a thread; return its port. Its own calls go to the public port."""
    os.environ["MOTO_PORT"] = str(public_port)
    from moto.core.config import default_user_config  # noqa: PLC0415
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer  # noqa: PLC0415

    from sandbox.aws import cloud_formation, step_functions  # noqa: PLC0415

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    cloud_formation.complete()
    step_functions.complete(lambda function, event: _call(public_port, function, event))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    return server.get_host_and_port()[1]


def _call(port: int, function: str, event: object) -> None:
    """Call a function asynchronously, as services of AWS do."""
    import boto3  # noqa: PLC0415

    client = boto3.client(
        "lambda",
        endpoint_url=f"http://localhost:{port}",
        region_name=function.split(":")[3],
        aws_access_key_id="services",
        aws_secret_access_key="local",  # noqa: S106 - moto takes any
    )
    client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event))


@contextlib.asynccontextmanager
async def serve(
    folder: Path,
    *,
    logs: Path,
    environments: int = ENVIRONMENTS,
    keep_warm: float = KEEP_WARM,
    engine: str | None = None,
) -> AsyncIterator[str]:
    """Serve on a free port while the context lasts; yields the URL.

    Args:
        folder: For code and files of environments.
        logs: For their logs: a folder a function, a file an environment.
        environments, keep_warm: As in `LambdaPool`.
        engine: URL of the Docker engine that runs functions deployed as images; without one, they
            run as processes of this machine, with this checkout's code.
    """
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        # A host name, as bucket names are put before it.
        url = f"http://localhost:{port}"
        proxy = Proxy(_start_moto(port))
        watch = MemoryWatch()
        containers = None if engine is None else docker_client(engine)

        def make_runtime(function: LambdaFunction) -> Runtime:
            if function.image is not None and containers is not None:
                return ContainerRuntime(function, engine=containers)
            return ProcessRuntime(function, watch=watch)

        pool = LambdaPool(
            make_runtime,
            variables=environment_variables(url),
            folder=folder / "environments",
            logs=logs,
            environments=environments,
            keep_warm=keep_warm,
            on_log=keep_log,
        )
        service = LambdaService(Functions(folder / "code"), pool, proxy)
        runner = web.AppRunner(service.app(), access_log=None, shutdown_timeout=0.1)
        await proxy.start()
        await runner.setup()
        try:
            await web.SockSite(runner, listening, backlog=_BACKLOG).start()
            yield url
        finally:
            # Requests end with their invocations, and these with their environments.
            await pool.close()
            await runner.cleanup()
            await proxy.stop()


def environment_variables(url: str) -> dict[str, str]:
    """Return the variables that direct the SDKs to the local AWS."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


async def _serve_until_told(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if options.until_stdin_closes:
        await loop.connect_read_pipe(lambda: _Closing(stop), sys.stdin)
    with tempfile.TemporaryDirectory(prefix="lambda-service-") as folder:
        logs = Path(options.logs) if options.logs else Path(folder, "logs")
        async with serve(
            Path(folder),
            logs=logs,
            environments=options.environments,
            keep_warm=options.keep_warm,
            engine=options.engine,
        ) as url:
            print(json.dumps({"url": url, "logs": str(logs)}), flush=True)
            await stop.wait()


class _Closing(asyncio.Protocol):
    """Reports when the other end of a pipe is closed, for example at its process's end."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._stop.set()


def main() -> None:
    """Serve until a signal; the first line of stdout is a JSON object with the URL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", help="folder for functions' logs (default: a temporary one)")
    parser.add_argument("--environments", type=int, default=ENVIRONMENTS, help="at once")
    parser.add_argument("--keep-warm", type=float, default=KEEP_WARM, help="seconds")
    parser.add_argument("--engine", help="URL of a Docker engine, which runs images")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop by then as well")
    asyncio.run(_serve_until_told(parser.parse_args()))


if __name__ == "__main__":
    main()
