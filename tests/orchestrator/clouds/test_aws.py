"""What people are told when something else than AWS answers."""

from collections.abc import Iterator

import boto3
import pytest

from helios.errors import WorkerUnavailable
from orchestrator.clouds.aws import AwsCalls
from sandbox.scripted_server import Reply, ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    started = ScriptedServer()
    yield started
    started.close()


async def test_an_answer_that_is_not_of_aws_is_told_in_one_line(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As from a network that wants people to sign in first.
    server.tell(Reply(body=b"<html>Sign in<br></html>"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    session = boto3.session.Session("key", "secret", region_name="eu-central-1")
    client = AwsCalls(region="eu-central-1", session=session)

    with pytest.raises(WorkerUnavailable, match="who this is: Unable to parse response") as told:
        await client.run("who this is", client.client("sts").get_caller_identity)

    assert "\n" not in told.value.message
