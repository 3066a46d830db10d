"""A local AWS with a Lambda that runs functions: `python -m sandbox.aws_lambda.service`.

moto serves the APIs of S3, Lambda and what else it knows. Only the Invoke route is served here,
by environments that run the real runtime client.
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import logging
import os
import re
import signal
import socket
import sys
import tempfile
import uuid
import zipfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from sandbox.aws.proxy import Proxy
from sandbox.aws_lambda.container_runtime import ContainerRuntime
from sandbox.aws_lambda.environment import InvocationEnd
from sandbox.aws_lambda.function import WORKER_HANDLER, LambdaFunction
from sandbox.aws_lambda.log_service import keep_log
from sandbox.aws_lambda.memory_watch import MemoryWatch
from sandbox.aws_lambda.pool import ENVIRONMENTS, KEEP_WARM, LambdaPool, Throttled
from sandbox.aws_lambda.process_runtime import ProcessRuntime
from sandbox.aws_lambda.runtime import Runtime
from sandbox.containers.docker_engine import docker_client

#: Bytes of an invocation's payload.
MAX_REQUEST = 6_291_456
#: moto's account, and the default region.
ACCOUNT = "123456789012"
REGION = "us-east-1"
#: Concurrent executions of the account, as it tells them.
QUOTA = 1000

_INVOKE = "/2015-03-31/functions/{function}/invocations"
_SETTINGS = "/2016-08-19/account-settings/"
_REGION_OF_SIGNATURE = re.compile(r"Credential=[^/]+/\d+/([\w-]+)/")
_BACKLOG = 1024


class FunctionNotFound(Exception):
    """No function has this name."""


class Functions:
    """Reads functions deployed through moto's Lambda API.

    Parameters
    ----------
    folder:
        Where functions' code is unpacked.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(
        self, name: str, *, qualifier: str | None, region: str
    ) -> tuple[LambdaFunction, int | None]:
        """Return a function, and its reserved concurrency.

        Parameters
        ----------
        name:
            Its name or ARN.
        """
        from moto.awslambda.exceptions import LambdaClientError  # noqa: PLC0415
        from moto.awslambda.models import lambda_backends  # noqa: PLC0415

        try:
            deployed: Any = lambda_backends[ACCOUNT][region].get_function(name, qualifier)
        except LambdaClientError as fault:
            raise FunctionNotFound(str(fault)) from fault
        reserved = deployed.reserved_concurrency
        return self._function(deployed), None if reserved is None else int(reserved)

    def _function(self, deployed: Any) -> LambdaFunction:
        configuration = deployed.get_configuration()
        text = json.dumps(configuration, sort_keys=True, default=str)
        is_image = configuration["PackageType"] == "Image"
        command = deployed.image_config.cmd
        return LambdaFunction(
            name=deployed.function_name,
            arn=deployed.function_arn,
            version=hashlib.sha256(text.encode()).hexdigest(),
            memory=int(deployed.memory_size) << 20,
            timeout=float(deployed.timeout),
            temporary_storage=int(deployed.ephemeral_storage or 512) << 20,
            handler=(command or [WORKER_HANDLER])[0] if is_image else deployed.handler,
            variables=dict(deployed.environment_vars or {}),
            code=None if is_image else self._unpacked(deployed.code_bytes),
            image=deployed.code["ImageUri"] if is_image else None,
            log_group=getattr(deployed, "log_group", None)
            or f"/aws/lambda/{deployed.function_name}",
        )

    def _unpacked(self, code: bytes) -> Path:
        folder = self._folder / hashlib.sha256(code).hexdigest()
        if not folder.exists():
            with zipfile.ZipFile(BytesIO(code)) as archive:
                archive.extractall(folder)
        return folder


class LambdaService:
    """Answers invocations, and passes everything else on to moto."""

    def __init__(self, functions: Functions, pool: LambdaPool, proxy: Proxy) -> None:
        self._functions = functions
        self._pool = pool
        self._proxy = proxy
        self._events: set[asyncio.Task[object]] = set()

    def app(self) -> web.Application:
        """Return the combined application."""
        app = web.Application(client_max_size=MAX_REQUEST)
        app.router.add_post(_INVOKE, self._invoke)
        app.router.add_get(_SETTINGS, self._settings)
        app.router.add_route("*", "/{path:.*}", self._proxy.pass_on)
        return app

    async def _settings(self, _: web.Request) -> web.Response:
        """Answer GetAccountSettings, which moto leaves out."""
        limit = {"ConcurrentExecutions": QUOTA, "UnreservedConcurrentExecutions": QUOTA}
        return web.json_response({"AccountLimit": limit, "AccountUsage": {}})

    async def _invoke(self, request: web.Request) -> web.Response:
        try:
            payload = await request.read() or b"{}"
        except web.HTTPRequestEntityTooLarge:
            return _refusal(
                413,
                "RequestTooLargeException",
                f"Request must be smaller than {MAX_REQUEST} bytes for the InvokeFunction"
                " operation",
            )
        try:
            function, reserved = self._functions.find(
                unquote(request.match_info["function"]),
                qualifier=request.query.get("Qualifier"),
                region=_region(request),
            )
        except FunctionNotFound as fault:
            return _refusal(404, "ResourceNotFoundException", str(fault))
        try:
            json.loads(payload)
        except ValueError:
            return _refusal(
                400, "InvalidRequestContentException", "Could not parse request body into json"
            )
        call = self._pool.invoke(function, payload, reserved=reserved)
        return await self._answer(request, call)

    async def _answer(self, request: web.Request, call: Any) -> web.Response:
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            call.close()
            return web.Response(status=204)
        if kind == "Event":
            event = asyncio.ensure_future(call)
            self._events.add(event)
            event.add_done_callback(self._events.discard)
            return web.Response(status=202)
        try:
            end: InvocationEnd = await call
        except Throttled as fault:
            return _refusal(429, "TooManyRequestsException", "Rate Exceeded.", Reason=fault.reason)
        headers = {"X-Amz-Executed-Version": "$LATEST"}
        if end.outcome.failed:
            headers["X-Amz-Function-Error"] = "Unhandled"
        if request.headers.get("X-Amz-Log-Type") == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(end.log_tail).decode()
        return web.Response(
            body=end.outcome.payload, content_type="application/json", headers=headers
        )


def _region(request: web.Request) -> str:
    found = _REGION_OF_SIGNATURE.search(request.headers.get("Authorization", ""))
    return found[1] if found else REGION


def _refusal(status: int, code: str, message: str, **more: str) -> web.Response:
    kind = "User" if status < 500 else "Service"
    return web.json_response(
        {"Type": kind, "message": message, **more},
        status=status,
        headers={"x-amzn-ErrorType": code, "x-amzn-RequestId": str(uuid.uuid4())},
    )


def _start_moto(public_port: int) -> int:
    """Serve moto from a thread; return its port. Its own calls go to the public one."""
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
    """Call a function as services of AWS do that don't wait for it."""
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

    Parameters
    ----------
    folder:
        For code and files of environments.
    logs:
        For their logs: a folder a function, a file an environment.
    environments, keep_warm:
        As in `LambdaPool`.
    engine:
        URL of the Docker engine that runs functions deployed as images; without one, they run as
        processes of this machine, with this checkout's code.
    """
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        # By name, since buckets become part of it.
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
            # Open invocations end with their environments, and only then do their requests.
            await pool.close()
            await runner.cleanup()
            await proxy.stop()


def environment_variables(url: str) -> dict[str, str]:
    """Return the variables by which the SDKs find the local AWS."""
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
