"""The bucket: who reads it, what it keeps."""

from typing import Any

import pytest

from tests.helios_infra.templates import Template

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("synth")]

BUCKET = "${ArtifactsBucket.Arn}"


def test_the_bucket_is_private_encrypted_and_owned_by_the_account(template: Template) -> None:
    bucket = template.only("S3::Bucket")

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_the_bucket_refuses_requests_without_tls(template: Template) -> None:
    policy = template.only("S3::BucketPolicy")
    refusals = [
        (statement["Condition"], statement["Resource"])
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Action"] == "s3:*"
    ]

    everything = [BUCKET, f"{BUCKET}/*"]
    assert ({"Bool": {"aws:SecureTransport": "false"}}, everything) in refusals
    assert ({"NumericLessThan": {"s3:TlsVersion": 1.2}}, everything) in refusals


def lifecycle(template: Template) -> dict[str, dict[str, Any]]:
    rules = template.only("S3::Bucket")["LifecycleConfiguration"]["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    return {rule["Id"]: rule for rule in rules}


def test_intermediates_expire_and_videos_do_not(template: Template) -> None:
    rules = lifecycle(template)

    assert rules["intermediates"]["TagFilters"] == [{"Key": "helios", "Value": "intermediate"}]
    assert rules["intermediates"]["Prefix"] == "jobs/"
    assert rules["intermediates"]["ExpirationInDays"] == 7
    assert rules["map-runs"]["ExpirationInDays"] == 7
    assert rules["assets"]["ExpirationInDays"] == 90
    assert rules["unfinished-uploads"]["AbortIncompleteMultipartUpload"] == {
        "DaysAfterInitiation": 1
    }
    assert "outputs" not in rules


def test_videos_expire_where_that_is_configured(full: Template) -> None:
    assert lifecycle(full)["outputs"]["ExpirationInDays"] == 60


def test_the_bucket_stays_when_the_stack_goes_unless_it_is_told_to_go(
    template: Template, full: Template
) -> None:
    kept = template.resources["ArtifactsBucket"]
    assert (kept["DeletionPolicy"], kept["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert not template.of_type("S3AutoDeleteObjects")

    assert full.resources["ArtifactsBucket"]["DeletionPolicy"] == "Delete"
    assert "ArtifactsBucketAutoDeleteObjectsCustomResource" in full.resources
