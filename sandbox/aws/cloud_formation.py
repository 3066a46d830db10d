"""Adds resource types of the stack to moto's CloudFormation, in moto's process.

moto creates most of a stack's resources. It lacks some types, so that references to them fail,
ignores the image and the log group of functions, and creates parameters without tags.
"""

from collections.abc import Callable
from typing import Any

#: Types that are only recorded: nothing that runs depends on them.
_NOTED = (
    "AWS::Budgets::Budget",
    "AWS::CloudWatch::Alarm",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
)


def complete() -> None:
    """Add the missing types; call once, before moto serves."""
    _take_note()
    _make_image_functions()
    _make_tagged_parameters()
    _make_tagged_keys()


def _take_note() -> None:
    from moto.cloudformation import parsing  # noqa: PLC0415

    patched: Any = parsing
    class_of = parsing.resource_class_from_type

    def noted_class_of(kind: str) -> Any:
        return _Noted if kind in _NOTED else class_of(kind)

    patched.resource_class_from_type = noted_class_of


class _Noted:
    """A resource that has a name and an ARN and does nothing."""

    def __init__(self, name: str, arn: str) -> None:
        self.physical_resource_id = name
        self._arn = arn

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, _: Any, account: str, region: str, **more: Any
    ) -> "_Noted":
        service = more["ResourceType"].split("::")[1].lower()
        return cls(name, f"arn:aws:{service}:{region}:{account}:{name}")

    @classmethod
    def update_from_cloudformation_json(cls, original_resource: "_Noted", **_: Any) -> "_Noted":
        return original_resource

    @classmethod
    def has_cfn_attr(cls, attribute: str) -> bool:
        return attribute == "Arn"

    def get_cfn_attribute(self, attribute: str) -> str:
        return self._arn if attribute == "Arn" else self.physical_resource_id

    def is_created(self) -> bool:
        return True

    def delete(self, account: str, region: str) -> None:
        """Delete it: there is nothing to do."""


def _make_image_functions() -> None:
    from moto.awslambda.models import ImageConfig, LambdaFunction  # noqa: PLC0415

    def whole(create: Callable[[Any], Any], properties: dict[str, Any]) -> Any:
        function = create(properties)
        function.package_type = properties.get("PackageType", "Zip")
        function.image_config = ImageConfig(properties.get("ImageConfig", {}))
        function.log_group = properties.get("LoggingConfig", {}).get("LogGroup")
        function.ephemeral_storage = int(properties.get("EphemeralStorage", {}).get("Size", 512))
        return function

    _wrap_creation(LambdaFunction, whole)


def _make_tagged_parameters() -> None:
    from moto.ssm.models import Parameter  # noqa: PLC0415

    def tagged(create: Callable[[Any], Any], properties: dict[str, Any]) -> Any:
        # These tags are an object in templates, and a list in requests.
        tags = [{"Key": key, "Value": value} for key, value in properties.get("Tags", {}).items()]
        return create({**properties, "Tags": tags})

    _wrap_creation(Parameter, tagged)


def _make_tagged_keys() -> None:
    from moto.kms.models import Key  # noqa: PLC0415

    def tagged(create: Callable[[Any], Any], properties: dict[str, Any]) -> Any:
        # They are TagKey and TagValue in requests, and Key and Value in templates.
        tags = [
            {"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags", [])
        ]
        return create({**properties, "Tags": tags})

    _wrap_creation(Key, tagged)


def _wrap_creation(model: Any, wrapper: Callable[[Callable[[Any], Any], Any], Any]) -> None:
    """Have `wrapper` create a model's resources; it gets moto's function and their properties."""
    create = model.create_from_cloudformation_json

    def wrapped(name: str, resource: Any, *places: str, **more: Any) -> Any:
        def as_moto_does(properties: Any) -> Any:
            return create(name, {**resource, "Properties": properties}, *places, **more)

        return wrapper(as_moto_does, resource["Properties"])

    model.create_from_cloudformation_json = staticmethod(wrapped)
