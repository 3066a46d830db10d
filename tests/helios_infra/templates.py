"""Stacks, synthesised, in a form that reads well."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helios_infra.configuration import Configuration

if TYPE_CHECKING:
    import aws_cdk as cdk

    from infra.aws_stack import AwsStack

#: Every concern that is off by default.
FULL = Configuration.of(
    {
        "helios:stackName": "Studio",
        "helios:regions": "eu-west-1,us-east-2",
        "helios:architecture": "arm64",
        "helios:chunkConcurrency": 500,
        "helios:mergeConcurrency": 5,
        "helios:outputDays": 60,
        "helios:keepData": False,
        "helios:allowedSources": "s3://footage/films/,https://cdn.example/",
        "helios:destinations": "s3://partner/films/,s3://cdn=arn:aws:secretsmanager:eu-west-1:"
        "123456789012:secret:cdn-AbCdEf",
        "helios:kmsKey": "create",
        "helios:executables": "helios",
        "helios:tenantFolder": "tenants",
        "helios:privateWebhooks": True,
        "helios:vpcId": "vpc-0a1b2c3d",
        "helios:subnetIds": "subnet-0a1b2c3d,subnet-0a1b2c3e",
        "helios:securityGroupIds": "sg-0a1b2c3d",
        "helios:alarmEmail": "renders@studio.example",
        "helios:monthlyBudget": 250,
        "helios:budgetScope": "stack",
        "helios:tags": {"team": "video"},
    }
)
KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000000"
#: Into a folder of a bucket that exists.
EXISTING = Configuration.of(
    {
        "helios:stackName": "Existing",
        "helios:bucketName": "our-films",
        "helios:bucketPrefix": "video/renders",
        "helios:kmsKey": KEY,
    }
)
_HASH = re.compile(r"(?<=[a-z])[0-9A-F]{8}$")
_ASSET = re.compile(r"\b[0-9a-f]{64}\b")


class Template:
    """A stack's template, with its references written as `${Name}`."""

    def __init__(self, template: dict[str, Any]) -> None:
        self.raw = template
        self._names = {name: _HASH.sub("", name) for name in template["Resources"]}
        self.resources: dict[str, dict[str, Any]] = {
            self._names[name]: self._readable(resource)
            for name, resource in template["Resources"].items()
        }
        self.outputs: dict[str, Any] = self._readable(template.get("Outputs", {}))

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of all resources of a type, such as `S3::Bucket`."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == f"AWS::{kind}"
        }

    def only(self, kind: str) -> dict[str, Any]:
        """Return the properties of the only resource of a type."""
        (properties,) = self.of_type(kind).values()
        return properties

    def statements(self, role: str) -> list[dict[str, Any]]:
        """Return all that a role may do."""
        return [
            statement
            for policy in self.of_type("IAM::Policy").values()
            if f"${{{role}}}" in policy["Roles"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    def allowed(self, role: str) -> set[tuple[str, str]]:
        """Return all that a role may do, as pairs of action and resource."""
        return {
            (action, resource)
            for statement in self.statements(role)
            for action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        }

    def workflow(self) -> dict[str, Any]:
        """Return the definition of the state machine."""
        definition: dict[str, Any] = json.loads(
            self.only("StepFunctions::StateMachine")["DefinitionString"]
        )
        return definition

    def summary(self) -> str:
        """Return the template as text that shows what changes when the code does, without tags."""
        resources = json.loads(json.dumps(self.resources))
        for resource in resources.values():
            resource.pop("Metadata", None)
            resource.get("Properties", {}).pop("Tags", None)
            for holder in ("DefinitionString", "DashboardBody", "Value"):
                if holder in resource.get("Properties", {}):
                    resource["Properties"][holder] = json.loads(resource["Properties"][holder])
            resource["DependsOn"] = sorted(
                self._names.get(name, name) for name in _listed(resource.get("DependsOn", []))
            )
            if not resource["DependsOn"]:
                del resource["DependsOn"]
        whole = {"Outputs": self.outputs, "Resources": resources}
        return json.dumps(whole, indent=1, sort_keys=True) + "\n"

    def _readable(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._readable(item) for item in value]
        if isinstance(value, str):
            return _ASSET.sub("<digest>", value)
        if isinstance(value, dict):
            reference = self._reference(value)
            if reference is not None:
                return reference
            return {key: self._readable(item) for key, item in value.items()}
        return value

    def _reference(self, value: dict[str, Any]) -> str | None:
        match value:
            case {"Ref": str(name)}:
                return f"${{{self._names.get(name, name)}}}"
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return f"${{{self._names.get(name, name)}.{attribute}}}"
            case {"Fn::Join": [str(separator), [*parts]]}:
                return separator.join(self._readable(part) for part in parts)
            case {"Fn::Sub": str(text)}:
                return str(self._readable(text))
        return None


class Stacks:
    """The stack without any configuration, two that use all of it, and one with a given bucket."""

    def __init__(self, app: cdk.App) -> None:
        # The CDK takes seconds to import: only the worker that synthesises does.
        from infra.aws_stack import add_aws_stacks

        self.app = app
        self.folder = app.outdir
        wanted = (Configuration(), FULL, EXISTING)
        stacks = [stack for each in wanted for stack in add_aws_stacks(app, each)]
        assembly = app.synth()
        self.default, self.first_region, self.second_region, self.existing = (
            Template(assembly.get_stack_artifact(stack.artifact_id).template) for stack in stacks
        )
        self.stacks: list[AwsStack] = stacks

    def images(self, stack: AwsStack) -> list[dict[str, Any]]:
        """Return what the images of a stack are built from."""
        manifest = json.loads(Path(self.folder, f"{stack.artifact_id}.assets.json").read_text())
        return list(manifest["dockerImages"].values())

    def acknowledged(self) -> list[tuple[str, str]]:
        """Return each acknowledged finding with its reason."""
        from aws_cdk import Validations

        return [
            pair
            for construct in self.app.node.find_all()
            for entry in construct.node.metadata
            if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY
            for pair in entry.data.items()
        ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def own(function: str) -> set[tuple[str, str]]:
    """Return what every function may do: write its own log, and traces, which know no resources."""
    log = f"${{{function}Log.Arn}}"
    return {
        ("logs:CreateLogStream", log),
        ("logs:PutLogEvents", log),
        ("xray:PutTelemetryRecords", "*"),
        ("xray:PutTraceSegments", "*"),
    }
