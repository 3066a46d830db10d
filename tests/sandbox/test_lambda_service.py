import base64
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.aws.local_aws import LocalAws, local_aws
from tests.processes import lives

pytestmark = pytest.mark.slow

#: A function that does what its event says.
SOURCE = """
import os, subprocess, sys, time

print("loading")

def handler(event, context):
    if "sleep" in event:
        time.sleep(event["sleep"])
    while "until" in event and not os.path.exists(event["until"]):
        time.sleep(0.01)
    if "exit" in event:
        os._exit(event["exit"])
    if "fail" in event:
        raise ValueError(event["fail"])
    if "fill" in event:
        take_memory(event["fill"])
    if "child_fills" in event:
        program = f"import {__name__} as f; f.take_memory({event['child_fills']})"
        child = subprocess.run([sys.executable, "-c", program])
        return {"child": child.returncode}
    if "answer" in event:
        return "x" * event["answer"]
    if "stray" in event:
        stray = subprocess.Popen(["sleep", "600"], start_new_session=True)
        return {"pid": stray.pid}
    print("hello", event.get("name"))
    return {
        "pid": os.getpid(),
        "left": context.get_remaining_time_in_millis(),
        "environment": dict(os.environ),
        "temporary": os.environ["TMPDIR"],
    }

def take_memory(megabytes):
    taken = []
    for _ in range(megabytes):
        taken.append(os.urandom(1 << 20))
        time.sleep(0.002)
    time.sleep(30)
"""


class Function:
    """A deployed function, called through the real client."""

    def __init__(self, aws: LocalAws, name: str) -> None:
        self.aws = aws
        self.name = name
        self.client = aws.client(
            "lambda",
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=20),
        )

    def raw(self, payload: bytes, **options: Any) -> dict[str, Any]:
        answer = self.client.invoke(FunctionName=self.name, Payload=payload, **options)
        return {**answer, "body": answer["Payload"].read()}

    def invoke(self, **event: Any) -> Any:
        answer = self.raw(json.dumps(event).encode())
        assert "FunctionError" not in answer, answer["body"]
        return json.loads(answer["body"])

    def fail(self, **event: Any) -> Any:
        answer = self.raw(json.dumps(event).encode())
        assert answer["FunctionError"] == "Unhandled"
        return json.loads(answer["body"])

    def refuse(self, payload: bytes = b"{}") -> tuple[int, str]:
        with pytest.raises(ClientError) as caught:
            self.raw(payload)
        said = caught.value.response
        return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


Deploy = Callable[..., Function]


@pytest.fixture
def deploy(aws: LocalAws, request: pytest.FixtureRequest) -> Iterator[Deploy]:
    deployed: list[str] = []

    def create(source: str = SOURCE, **options: Any) -> Function:
        name = f"{request.node.name[:50]}-{len(deployed)}".replace("[", "-").replace("]", "")
        aws.deploy(name, source=source, **options)
        deployed.append(name)
        return Function(aws, name)

    yield create
    for name in deployed:
        aws.client("lambda").delete_function(FunctionName=name)


def wait_for_starts(function: Function, count: int) -> None:
    """Wait until a function has begun as many invocations."""
    deadline = time.monotonic() + 60
    while function.aws.log(function.name).count("START RequestId") < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(pid: int, *, within: float = 30) -> bool:
    deadline = time.monotonic() + within
    while lives(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_an_environment_is_kept_warm_for_the_next_invocation(deploy: Deploy) -> None:
    function = deploy()

    assert function.invoke()["pid"] == function.invoke()["pid"]


def test_invocations_at_once_get_an_environment_each(deploy: Deploy, tmp_path: Path) -> None:
    function = deploy()
    all_run = tmp_path / "all-run"

    with ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(function.invoke, until=str(all_run)) for _ in range(3)]
        wait_for_starts(function, 3)
        all_run.touch()
        answers = [call.result() for call in calls]

    assert len({answer["pid"] for answer in answers}) == 3
    assert len({answer["temporary"] for answer in answers}) == 3


def test_more_invocations_than_environments_wait_for_one(deploy: Deploy) -> None:
    function = deploy()

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: function.invoke(sleep=0.1), range(12)))

    assert 1 <= len({answer["pid"] for answer in answers}) <= 4


def test_a_function_knows_its_configuration_and_its_deadline(deploy: Deploy, aws: LocalAws) -> None:
    answer = deploy(variables={"COLOUR": "blue"}, memory=512, timeout=30).invoke()

    environment = answer["environment"]
    assert environment["COLOUR"] == "blue"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert environment["AWS_ENDPOINT_URL"] == aws.url
    assert "HELIOS_COMMAND_ID" not in environment
    assert 25_000 < answer["left"] <= 30_000


def test_an_exception_is_told_as_lambda_tells_it(deploy: Deploy) -> None:
    told = deploy().fail(fail="wrong")

    assert (told["errorType"], told["errorMessage"]) == ("ValueError", "wrong")
    assert told["stackTrace"]


def test_a_crash_ends_the_environment_and_the_next_invocation_gets_a_new_one(
    deploy: Deploy,
) -> None:
    function = deploy()
    before = function.invoke()["pid"]

    told = function.fail(exit=7)

    assert told["errorType"] == "Runtime.ExitError"
    assert told["errorMessage"].endswith("Runtime exited with error: exit status 7")
    assert function.invoke()["pid"] != before


def test_a_function_that_cant_be_loaded_says_why(deploy: Deploy) -> None:
    told = deploy("import nothing_of_this_name").fail()

    assert told["errorType"] == "Runtime.ImportModuleError"
    assert "nothing_of_this_name" in told["errorMessage"]


def test_a_function_that_takes_too_long_is_ended(deploy: Deploy) -> None:
    function = deploy(timeout=1)
    pid = function.invoke()["pid"]
    told = function.fail(sleep=3600)

    assert told["errorType"] == "Sandbox.Timedout"
    assert told["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert gone(pid)


def test_a_function_that_takes_too_much_memory_is_killed(deploy: Deploy, aws: LocalAws) -> None:
    function = deploy(memory=128)

    told = function.fail(fill=1000)

    assert told["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert "Error Type: Runtime.OutOfMemory" in aws.log(function.name)


def test_of_several_processes_the_largest_one_is_killed(deploy: Deploy) -> None:
    answer = deploy(memory=128).invoke(child_fills=1000)

    assert answer == {"child": -signal.SIGKILL}


def test_what_a_function_left_running_ends_with_its_environment(deploy: Deploy) -> None:
    function = deploy()
    stray = function.invoke(stray=True)["pid"]
    assert psutil.pid_exists(stray)

    function.fail(exit=1)

    assert gone(stray)


def test_between_invocations_nothing_moves(deploy: Deploy) -> None:
    pid = deploy().invoke()["pid"]

    deadline = time.monotonic() + 60
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_payload_over_six_megabytes_is_refused(deploy: Deploy) -> None:
    function = deploy()
    most = 6_291_456

    refusal = function.refuse(json.dumps({"text": "x" * most}).encode())

    assert refusal == (413, "RequestTooLargeException")
    frame = len(json.dumps({"text": ""}))
    assert function.raw(json.dumps({"text": "x" * (most - frame)}).encode())["body"]


def test_an_answer_over_six_megabytes_is_an_error(deploy: Deploy) -> None:
    function = deploy()

    assert function.fail(answer=6_291_556 - 1)["errorType"] == "Function.ResponseSizeTooLarge"
    assert len(function.invoke(answer=6_291_556 - 2)) == 6_291_556 - 2


def test_more_invocations_than_are_reserved_are_throttled(deploy: Deploy, tmp_path: Path) -> None:
    function = deploy(reserved=1)
    throttled = tmp_path / "throttled"

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(function.invoke, until=str(throttled))
        wait_for_starts(function, 1)
        with pytest.raises(ClientError) as caught:
            function.raw(b"{}")
        throttled.touch()
        first.result()

    said: Any = caught.value.response
    assert said["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert said["Error"]["Code"] == "TooManyRequestsException"
    assert said["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert function.invoke()["pid"]


def test_an_unknown_function_isnt_found(aws: LocalAws) -> None:
    assert Function(aws, "unknown").refuse() == (404, "ResourceNotFoundException")


def test_a_payload_that_isnt_json_is_refused(deploy: Deploy) -> None:
    assert deploy().refuse(b"{") == (400, "InvalidRequestContentException")


def test_a_function_is_found_by_its_arn(deploy: Deploy) -> None:
    function = deploy()
    arn = function.client.get_function(FunctionName=function.name)["Configuration"]["FunctionArn"]

    assert Function(function.aws, arn).invoke()["pid"]


def test_the_end_of_the_log_comes_along_when_it_is_asked_for(deploy: Deploy) -> None:
    function = deploy()
    function.invoke(name="first")

    answer = function.raw(b'{"name": "second"}', LogType="Tail")

    log = base64.b64decode(answer["LogResult"]).decode()
    assert "hello second" in log
    assert "hello first" not in log
    assert log.startswith("START RequestId")
    assert "REPORT RequestId" in log
    assert "LogResult" not in function.raw(b"{}")


def test_an_event_is_accepted_and_runs_by_itself(deploy: Deploy) -> None:
    function = deploy()

    assert function.raw(b'{"name": "later"}', InvocationType="Event")["StatusCode"] == 202

    deadline = time.monotonic() + 60
    while "hello later" not in function.aws.log(function.name):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_dry_run_calls_nothing(deploy: Deploy) -> None:
    function = deploy()

    assert function.raw(b"{}", InvocationType="DryRun")["StatusCode"] == 204
    assert function.aws.log(function.name) == ""


def test_a_changed_configuration_reaches_the_next_invocation(deploy: Deploy) -> None:
    function = deploy(variables={"COLOUR": "blue"})
    before = function.invoke()

    function.client.update_function_configuration(
        FunctionName=function.name, Environment={"Variables": {"COLOUR": "red"}}
    )

    after = function.invoke()
    assert after["environment"]["COLOUR"] == "red"
    assert after["pid"] != before["pid"]


def test_objects_of_any_size_pass_through_unchanged(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="passing-through")
    data = bytes(range(256)) * 80_000

    s3.put_object(Bucket="passing-through", Key="a/b c+ü.bin", Body=data)
    whole = s3.get_object(Bucket="passing-through", Key="a/b c+ü.bin")["Body"].read()
    part = s3.get_object(Bucket="passing-through", Key="a/b c+ü.bin", Range="bytes=255-257")
    link = s3.generate_presigned_url(
        "get_object", Params={"Bucket": "passing-through", "Key": "a/b c+ü.bin"}
    )

    assert whole == data
    assert part["Body"].read() == b"\xff\x00\x01"
    with urlopen(link) as response:
        assert response.read() == data


@pytest.mark.proof
def test_no_process_is_left_when_it_stops(tmp_path: Path) -> None:
    with local_aws(logs=tmp_path, environments=3, keep_warm=1) as aws:
        aws.deploy("f", source=SOURCE)
        function = Function(aws, "f")
        idle = function.invoke()["pid"]
        time.sleep(3)
        assert gone(idle, within=1)
        warm = function.invoke()["pid"]
        with ThreadPoolExecutor(1) as threads:
            busy = threads.submit(function.fail, sleep=60)
            time.sleep(0.5)
            psutil.Process(aws.pid).terminate()
            assert "Runtime exited" in busy.result(timeout=20)["errorMessage"]

    assert gone(warm)
    assert gone(aws.pid)


#: Starts a local AWS, invokes a function of it, and dies without a word.
DYING = """
import os, sys
from pathlib import Path
from sandbox.aws.local_aws import local_aws

source = "import os\\ndef handler(event, context): return os.getpid()"
with local_aws(logs=Path(sys.argv[1])) as aws:
    aws.deploy("f", source=source)
    pid = aws.client("lambda").invoke(FunctionName="f")["Payload"].read().decode()
    print(aws.pid, pid, flush=True)
    os._exit(1)
"""


@pytest.mark.proof
def test_it_ends_with_its_parent_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DYING, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert len(run.stdout.split()) == 2, run.stderr
    service, environment = map(int, run.stdout.split())
    assert gone(service, within=10)
    assert gone(environment)
