"""A bucket that is encrypted by a key of KMS, and one that exists already."""

import json
import re
from pathlib import Path

import pytest

from tests.helios_infra.templates import EXISTING, KEY, Stacks, Template

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("synth")]

ROLES = ("WorkersChunkRole", "WorkersMergeRole", "OutcomeRecorderRole", "StateMachineRole")


def test_a_key_of_the_stack_encrypts_the_bucket_and_rotates(
    full: Template, template: Template
) -> None:
    (rule,) = full.only("S3::Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert rule["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": "${ArtifactsKey.Arn}",
    }
    assert rule["BucketKeyEnabled"] is True
    assert full.only("KMS::Key")["EnableKeyRotation"] is True
    assert template.of_type("KMS::Key") == {}


@pytest.mark.parametrize("role", ROLES)
def test_what_reads_or_writes_objects_may_use_the_key(
    full: Template, existing: Template, role: str
) -> None:
    for stack, key in ((full, "${ArtifactsKey.Arn}"), (existing, KEY)):
        used = {pair for pair in stack.allowed(role) if pair[0].startswith("kms:")}
        assert used == {("kms:Decrypt", key), ("kms:GenerateDataKey", key)}


def test_clients_are_told_the_key(existing: Template) -> None:
    parameter = json.loads(existing.only("SSM::Parameter")["Value"])

    assert parameter["kmsKey"] == existing.outputs["KmsKey"]["Value"] == KEY


def test_a_bucket_that_exists_is_used_and_neither_made_nor_changed(existing: Template) -> None:
    assert existing.of_type("S3::Bucket") == {}
    assert existing.of_type("S3::BucketPolicy") == {}
    assert existing.of_type("KMS::Key") == {}
    worker = existing.of_type("Lambda::Function")["WorkersChunkFunction"]
    assert worker["Environment"]["Variables"]["HELIOS_ARTIFACTS"] == (
        "s3://our-films/video/renders"
    )


def test_a_stack_in_a_folder_reaches_nothing_else_of_the_bucket(existing: Template) -> None:
    bucket, below = "arn:${AWS::Partition}:s3:::our-films", "video/renders/"
    for role in ROLES:
        reached = {where for action, where in existing.allowed(role) if action.startswith("s3:")}
        assert reached
        assert all(where == bucket or where.startswith(f"{bucket}/{below}") for where in reached)
        for statement in existing.statements(role):
            if statement["Action"] == "s3:ListBucket":
                assert statement["Condition"] == {"StringLike": {"s3:prefix": [f"{below}*"]}}
    machine = json.dumps(existing.workflow())
    assert f"s3://{{}}jobs/{{}}/job.json', 'our-films/{below}'" in machine
    keys = re.findall(r"States\.Format\('([^']*(?:jobs|map-runs)/)", machine)
    assert {key for key in keys if not key.startswith(("s3://", below))} == set()
    parameter = json.loads(existing.only("SSM::Parameter")["Value"])
    assert parameter["artifacts"] == f"s3://our-films/{below}".rstrip("/")
    assert parameter["webhookKey"] == f"s3://our-films/{below}webhook-key"


def test_the_lifecycle_that_a_given_bucket_should_have_is_printed_and_told_to_clients(
    stacks: Stacks, existing: Template, template: Template
) -> None:
    parameter = json.loads(existing.only("SSM::Parameter")["Value"])
    rules = {rule["ID"]: rule for rule in parameter["lifecycleRules"]}

    assert set(rules) == {"unfinished-uploads", "intermediates", "map-runs", "assets"}
    assert rules["assets"]["Expiration"] == {"Days": EXISTING.asset_days}
    # A bucket that others use, too, keeps their uploads.
    assert rules["unfinished-uploads"]["Filter"] == {"Prefix": "video/renders/jobs/"}
    for rule in rules.values():
        found = rule["Filter"].get("And", rule["Filter"])
        assert found["Prefix"].startswith("video/renders/")
    assert "lifecycleRules" not in json.loads(template.only("SSM::Parameter")["Value"])
    stack = stacks.stacks[3]
    metadata = json.loads(Path(stacks.folder, f"{stack.artifact_id}.metadata.json").read_text())
    (warning,) = [
        entry["data"]
        for entries in metadata.values()
        for entry in entries
        if entry["type"] == "aws:cdk:warning"
    ]
    printed = json.loads(warning[warning.index("{") : warning.rindex("}") + 1])
    assert printed == {"Rules": parameter["lifecycleRules"]}
