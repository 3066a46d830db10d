"""Finds a stack on AWS by its name, with its functions and storage."""

from helios.errors import WorkerNotFound
from orchestrator.clouds.aws import AwsCalls
from orchestrator.model.deployment import AwsStack, read_stack


def parameter_of(stack: str) -> str:
    """Return the name of the parameter that describes a stack."""
    return f"/helios/{stack}/stack"


async def find_stack(name: str, calls: AwsCalls) -> AwsStack:
    """Return the properties of a stack; `WorkerNotFound` if the region has none of that name."""
    client = calls.client("ssm")
    region = calls.region

    def read() -> str:
        try:
            answer = client.get_parameter(Name=parameter_of(name))
        except client.exceptions.ParameterNotFound:
            raise WorkerNotFound(
                f"stack {name}: not deployed in {region}",
                hint="Check --stack and --region, or deploy it: make deploy.",
            ) from None
        return str(answer["Parameter"]["Value"])

    return read_stack(name, await calls.run(f"stack {name} in {region}", read))
