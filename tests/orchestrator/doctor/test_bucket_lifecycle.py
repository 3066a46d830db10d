"""The check of a given bucket's lifecycle, against a real S3 server."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from orchestrator.clouds.aws import AwsCalls
from orchestrator.doctor import Health
from orchestrator.doctor.bucket_lifecycle import lifecycle_finding
from sandbox.storage.object_stores import create_bucket, s3_server
from tests.orchestrator.stacks import aws_stack

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("object_stores")]

TAGGED = {"And": {"Prefix": "jobs/", "Tags": [{"Key": "helios", "Value": "intermediate"}]}}
RULES: list[dict[str, Any]] = [
    {"ID": "intermediates", "Filter": TAGGED, "Expiration": {"Days": 7}, "Status": "Enabled"},
    {
        "ID": "unfinished-uploads",
        "Filter": {"Prefix": "jobs/"},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        "Status": "Enabled",
    },
]
STACK = aws_stack(artifacts="s3://our-films", lifecycle_rules=tuple(RULES))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with s3_server() as store:
        for name, value in store.env.items():
            monkeypatch.setenv(name, value)
        create_bucket(store, "our-films")
        yield boto3.client("s3")


def put(client: Any, *rules: dict[str, Any]) -> None:
    client.put_bucket_lifecycle_configuration(
        Bucket="our-films", LifecycleConfiguration={"Rules": list(rules)}
    )


async def test_a_bucket_without_rules_is_a_notice_that_has_them_to_copy(client: Any) -> None:
    found = await lifecycle_finding(STACK, AwsCalls(region="us-east-1"))

    assert found.health is Health.NOTICE
    assert "no rule for intermediates, unfinished-uploads" in found.message
    assert '"Days": 7' in found.fix


async def test_the_printed_rules_are_taken_and_are_then_enough(client: Any) -> None:
    put(client, *RULES)

    found = await lifecycle_finding(STACK, AwsCalls(region="us-east-1"))

    assert found.health is Health.OK


async def test_other_days_and_a_wider_rule_do_and_a_disabled_one_does_not(client: Any) -> None:
    wider = {**RULES[0], "Filter": {"Prefix": ""}, "Expiration": {"Days": 90}}
    put(client, wider, {**RULES[1], "Status": "Disabled"})

    found = await lifecycle_finding(STACK, AwsCalls(region="us-east-1"))

    assert found.health is Health.NOTICE
    assert "no rule for unfinished-uploads, which" in found.message
