"""The context of cdk.json, right and wrong."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from helios.errors import OptionInvalid
from helios_infra.configuration import PREFIX, Configuration
from helios_infra.setting_types import LOG_DAYS

ROOT = Path(__file__).parents[2]
CONTEXT: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]


def test_the_context_of_cdk_json_is_what_is_deployed_by_default() -> None:
    assert Configuration.of(CONTEXT) == Configuration()


def test_cdk_json_offers_every_value_to_be_edited() -> None:
    offered = {name.removeprefix(PREFIX) for name in CONTEXT if name.startswith(PREFIX)}

    assert offered == {to_camel(name) for name in Configuration.model_fields}


def test_the_flags_of_the_cdk_are_those_of_a_new_app() -> None:
    packages = ROOT / "infra/node_modules/aws-cdk/lib/init-templates"
    recommended = packages / ".recommended-feature-flags.json"
    if not recommended.exists():
        pytest.skip("the CDK's command line is not installed: npm ci --prefix infra")

    flags = {name: value for name, value in CONTEXT.items() if not name.startswith(PREFIX)}

    assert flags == json.loads(recommended.read_text())


def test_values_of_the_cdk_itself_are_left_alone() -> None:
    assert Configuration.of({"aws:cdk:enable-path-metadata": True}) == Configuration()


def test_the_command_line_carries_numbers_lists_and_objects_as_text() -> None:
    configuration = Configuration.of(
        {
            "helios:chunkMemory": "4096",
            "helios:keepData": "false",
            "helios:regions": "eu-west-1, us-east-2",
            "helios:tags": '{"team": "video"}',
            "helios:chunkConcurrency": "",
        }
    )

    assert configuration.chunk_memory == 4096
    assert configuration.keep_data is False
    assert configuration.regions == ("eu-west-1", "us-east-2")
    assert configuration.tags == {"team": "video"}
    assert configuration.chunk_concurrency is None


WRONG: list[tuple[str, object, str]] = [
    ("chunkMemory", 100, "greater than or equal to 512"),
    ("chunkMemory", 20_000, "less than or equal to 10240"),
    ("chunkMemory", "much", "valid integer"),
    ("mergeDisk", 511, "greater than or equal to 512"),
    ("chunkTimeout", 901, "less than or equal to 900"),
    ("chunkConcurrency", 0, "greater than or equal to 1"),
    ("maxConcurrency", 10_001, "less than or equal to 10000"),
    ("architecture", "mips", "'x86_64' or 'arm64'"),
    ("regions", "the moon", "not a region of AWS"),
    ("regions", ["eu-west-1", "eu-west-1"], "named twice"),
    ("stackName", "my stack", "not a stack's name"),
    ("intermediateDays", 0, "greater than or equal to 1"),
    ("logDays", 8, "not offered by CloudWatch: 1, 3, 5"),
    ("outputDays", 2, "before their intermediates"),
    ("keepData", "perhaps", "boolean"),
    ("allowedSources", "http://insecure.example/", "not an s3:// or https:// URL"),
    ("allowedSources", "s3://bucket/*", "not an s3:// or https:// URL"),
    ("bucketName", "s3://films", "the name of a bucket (without s3://)"),
    ("bucketPrefix", "/renders/", "not a folder of the bucket"),
    ("bucketPrefix", "a/../b", "not a folder of the bucket"),
    ("chunkDisk", 100, "greater than or equal to 512"),
    ("chunkRetries", -1, "greater than or equal to 0"),
    ("mergeMemory", 0, "greater than or equal to 512"),
    ("mergeTimeout", 3, "greater than or equal to 30"),
    ("mergeConcurrency", "some", "valid integer"),
    ("renderTimeout", 5, "greater than or equal to 60"),
    ("assetDays", 1.5, "valid integer"),
    ("tenantFolder", "a/b", "not a folder's name"),
    ("tenantFolder", "jobs", "other than the stack's own folders"),
    ("privateWebhooks", "maybe", "boolean"),
    ("tracing", 7, "boolean"),
    ("runawayInvocations", 0, "greater than or equal to 1"),
    ("securityGroupIds", "default", "not the id of a security group"),
    ("vpcId", "main", "not the id of a VPC"),
    ("cloudRun", '{"workers": 1}', "workers"),
    ("kmsKey", "alias/films", "`create`, the ARN of a key"),
    ("destinations", "gs://films/", "s3://BUCKET or s3://BUCKET/FOLDER"),
    ("destinations", "s3://films=password", "with =SECRET_ARN"),
    ("executables", [], "no chunk could run"),
    ("executables", "../bin/sh", "not a program's name"),
    ("vpcId", "vpc-0a1b2c3d", "needs subnetIds and securityGroupIds"),
    ("subnetIds", "subnet-0a1b2c3d", "vpcId: is missing"),
    ("alarmEmail", "no-address", "not an e-mail address"),
    ("monthlyBudget", -5, "greater than or equal to 0"),
    ("budgetScope", "planet", "'account' or 'stack'"),
    ("tags", "{", "valid dictionary"),
    ("tags", {"aws:team": "video"}, "not beginning with aws: or helios:"),
    ("tags", {"helios:stack": "video"}, "not beginning with aws: or helios:"),
    ("tags", {"team": "video, audio"}, "not a tag's value"),
]


def test_every_setting_refuses_something() -> None:
    settings = {field.alias for field in Configuration.model_fields.values()}
    assert {name for name, _, _ in WRONG} == settings


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_value_that_cannot_be_deployed_is_refused_with_a_sentence_that_names_it(
    name: str, value: object, said: str
) -> None:
    with pytest.raises(OptionInvalid) as refusal:
        Configuration.of({f"helios:{name}": value})

    details = refusal.value.details
    assert said in details[0]
    assert all(detail.startswith("helios:") for detail in details)
    assert "cdk.json" in str(refusal.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"bucketName": "films", "kmsKey": "create"}, "kmsKey: `create` goes with a new bucket"),
        ({"bucketName": "films", "regions": "eu-west-1,us-east-2"}, "bucketName: a bucket is in"),
    ],
)
def test_values_that_contradict_each_other_are_refused(values: dict[str, str], said: str) -> None:
    with pytest.raises(OptionInvalid) as refusal:
        Configuration.of({f"helios:{name}": value for name, value in values.items()})

    (detail,) = refusal.value.details
    assert detail.startswith(f"helios:{said}")


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(OptionInvalid, match="2 values are wrong") as refusal:
        Configuration.of({"helios:chunkMemory": 1, "helios:mergeMemory": 1})

    assert len(refusal.value.details) == 2


def test_a_name_that_is_not_known_suggests_the_one_that_was_meant() -> None:
    with pytest.raises(OptionInvalid) as refusal:
        Configuration.of({"helios:chunkMemmory": 2048})

    assert refusal.value.details == (
        "helios:chunkMemmory: there is no such value; is helios:chunkMemory meant?",
    )


def test_every_retention_that_cloudwatch_offers_is_taken() -> None:
    assert {Configuration(log_days=days).log_days for days in LOG_DAYS} == set(LOG_DAYS)


@pytest.mark.slow
def test_a_wrong_value_stops_the_synth_with_the_sentence_and_no_traceback() -> None:
    run = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={
            "CDK_CONTEXT_JSON": json.dumps({"helios:chunkMemory": "100"}),
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1
    assert "helios:chunkMemory: '100': Input should be greater than or equal to 512" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_documentation_lists_every_value_with_its_default() -> None:
    page = (ROOT / "docs/deploy-aws.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", page, re.MULTILINE))

    assert rows == {
        to_camel(name): _shown(field.default) for name, field in Configuration.model_fields.items()
    }


def _shown(default: object) -> str:
    if default in (None, "", (), {}):
        return "none"
    if isinstance(default, tuple):
        return ", ".join(f"`{item}`" for item in default)
    return f"`{json.dumps(default)}`".replace('"', "")
