"""The stack that deploys to Google: what its function may do, and what it is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from helios.errors import OptionInvalid
from helios_infra.cloud_run.configuration import CloudRunConfiguration
from helios_infra.configuration import Configuration
from helios_infra.provisioner_bundle import REQUIREMENTS, ProvisionerBundle
from tests.helios_infra.templates import Template

if TYPE_CHECKING:
    from infra.cloud_run_stack import CloudRunWorker

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("synth")]

CLOUD_RUN: dict[str, Any] = {
    "workers": {
        "project": "my-videos",
        "region": "europe-west1",
        "image": f"europe-west1-docker.pkg.dev/my-videos/helios/worker@sha256:{'a' * 64}",
        "serviceAccount": "worker@my-videos.iam.gserviceaccount.com",
        "bucket": "my-videos-helios",
        "maxInstances": 7,
    },
    "federation": {
        "provider": "projects/1/locations/global/workloadIdentityPools/aws/providers/aws",
        "serviceAccount": "deployer@my-videos.iam.gserviceaccount.com",
    },
}
CONTEXT = {
    "helios:stackName": "Studio",
    "helios:regions": "eu-west-1,us-east-2",
    "helios:logDays": 7,
    "helios:tags": {"team": "video"},
    "helios:cloudRun": json.dumps(CLOUD_RUN),
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> CloudRunWorker:
    import aws_cdk as cdk

    from infra.cloud_run_stack import add_cloud_run_stack

    # Its packages are put together where the function is run, in test_custom_resource.py.
    context: dict[str, Any] = {"aws:cdk:bundling-stacks": []}
    app = cdk.App(outdir=str(tmp_path_factory.mktemp("cdk.out")), context=context)
    stack = add_cloud_run_stack(app, Configuration.of(CONTEXT))
    assert stack is not None
    return stack


@pytest.fixture(scope="module")
def template(stack: CloudRunWorker) -> Template:
    import aws_cdk as cdk

    assembly = cdk.App.of(stack)
    assert isinstance(assembly, cdk.App)
    return Template(assembly.synth().get_stack_artifact(stack.artifact_id).template)


def test_there_is_no_such_stack_unless_it_is_configured() -> None:
    import aws_cdk as cdk

    from infra.cloud_run_stack import add_cloud_run_stack

    assert add_cloud_run_stack(cdk.App(), Configuration()) is None
    assert Configuration.of({"helios:cloudRun": {}}).cloud_run is None


def test_a_fault_in_it_is_told_by_its_place() -> None:
    broken = {**CLOUD_RUN, "workers": {**CLOUD_RUN["workers"], "cpu": 3, "image": "worker:latest"}}
    with pytest.raises(OptionInvalid) as caught:
        Configuration.of({"helios:cloudRun": {**broken, "keepBucket": True}})
    told = "\n".join(caught.value.details)
    assert "helios:cloudRun.workers.cpu: Input should be 1, 2, 4, 6 or 8" in told
    assert "helios:cloudRun.workers.image: 'worker:latest' is not an image by digest" in told
    assert "helios:cloudRun.keepBucket" in told


def test_the_function_may_write_its_log_and_nothing_else(template: Template) -> None:
    log = "${ProvisionerLog.Arn}"
    assert template.allowed("ProvisionerRole") == {
        ("logs:CreateLogStream", log),
        ("logs:PutLogEvents", log),
    }
    assert "ManagedPolicyArns" not in template.only("IAM::Role")
    assert template.only("Logs::LogGroup")["RetentionInDays"] == 7


def test_googles_side_can_name_the_role_beforehand(template: Template) -> None:
    assert template.only("IAM::Role")["RoleName"] == "Studio-CloudRun-provisioner"


def test_nothing_in_the_template_is_a_key(template: Template) -> None:
    function = template.only("Lambda::Function")
    assert "Environment" not in function
    text = json.dumps(template.raw)
    assert "private_key" not in text
    # That is a secret's name.
    assert set(re.findall(r"\w*secret\w*", text, re.IGNORECASE)) == {"webhookSecret"}


def test_the_function_has_all_the_time_there_is_and_answers_once(template: Template) -> None:
    assert template.only("Lambda::Function")["Timeout"] == 900
    assert template.only("Lambda::EventInvokeConfig")["MaximumRetryAttempts"] == 0
    resource = template.resources["Workers"]["Properties"]
    assert int(resource["ServiceTimeout"]) > 900


def test_the_resource_carries_the_configuration_whole(template: Template) -> None:
    properties = template.raw["Resources"]["Workers"]["Properties"]
    carried = json.loads(properties["Resource"])
    wanted = CloudRunConfiguration.read(CLOUD_RUN["workers"])
    assert CloudRunConfiguration.read(carried["workers"]) == wanted
    assert carried["federation"]["provider"] == CLOUD_RUN["federation"]["provider"]
    assert (carried["adopt"], carried["deleteBucket"]) == (False, False)
    # New code deploys anew, as it may ask for other settings.
    assert "Version" in properties


def test_it_is_in_the_first_region_and_bears_the_tags(
    stack: CloudRunWorker, template: Template
) -> None:
    assert stack.region == "eu-west-1"
    tags = {tag["Key"]: tag["Value"] for tag in template.only("Lambda::Function")["Tags"]}
    assert tags == {"helios:stack": "Studio", "team": "video"}


def test_outputs_say_where_to_render(template: Template) -> None:
    assert template.outputs["ServiceUrl"]["Value"] == "${Workers.Url}"
    assert template.outputs["ArtifactsUrl"]["Value"] == "${Workers.Artifacts}"
    assert template.outputs["JobName"]["Value"] == "${Workers.Job}"
    assert template.outputs["ProvisionerRole"]["Value"] == "${ProvisionerRole}"


def test_cdk_nag_finds_nothing(stack: CloudRunWorker) -> None:
    import aws_cdk as cdk
    from cdk_nag import AwsSolutionsChecks

    report = AwsSolutionsChecks(cdk.App.of(stack), verbose=True).validate_scope(stack)
    assert [violation.rule_name for violation in report.violations] == []


def test_the_bundle_is_another_for_another_runtime() -> None:
    bundle = ProvisionerBundle(python="3.14")
    before = bundle.digest()
    assert bundle.digest() == before
    assert ProvisionerBundle(python="3.13").digest() != before
    assert ProvisionerBundle(python="3.14", processor="aarch64").digest() != before
    assert "google-cloud-run==" in REQUIREMENTS.read_text()


def test_the_handler_is_where_the_function_looks_for_it() -> None:
    from helios_infra.constructs import cloud_run_provisioner

    module, _, name = cloud_run_provisioner.HANDLER.rpartition(".")
    source = Path(__file__).parents[2] / f"{module.replace('.', '/')}.py"
    assert f"def {name}(" in source.read_text()
