"""What clients find a stack by."""

import json

import pytest

from tests.helios_infra.templates import Template

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("synth")]


def test_one_parameter_holds_all_that_a_client_needs(template: Template) -> None:
    parameter = template.only("SSM::Parameter")

    assert parameter["Name"] == "/helios/Helios/stack"
    assert json.loads(parameter["Value"]) == {
        "version": 1,
        "region": "${AWS::Region}",
        "artifacts": "s3://${ArtifactsBucket}",
        "chunkFunction": "${WorkersChunkFunction}",
        "mergeFunction": "${WorkersMergeFunction}",
        "stateMachine": "${StateMachineRenders}",
        "rendersTopic": "${OutcomeRenders}",
        "webhookKey": "s3://${ArtifactsBucket}/webhook-key",
        "chunkLogGroup": "${WorkersChunkLog}",
        "mergeLogGroup": "${WorkersMergeLog}",
        "architecture": "x86_64",
        "chunkMemory": 3008,
        "chunkDisk": 2048,
        "chunkTimeout": 900,
        "mergeMemory": 3008,
        "mergeDisk": 10240,
        "maxConcurrency": 200,
    }


def test_outputs_say_the_same_as_the_parameter(template: Template) -> None:
    known = json.loads(template.only("SSM::Parameter")["Value"])
    outputs = {name: output["Value"] for name, output in template.outputs.items()}

    for name in ("artifacts", "chunkFunction", "mergeFunction", "stateMachine", "webhookKey"):
        assert outputs[name[0].upper() + name[1:]] == known[name]
    assert outputs["StackParameter"] == "${DiscoveryStack}"
