"""Reads the number of chunk workers that the account's quota allows at the same time."""

from orchestrator.clouds.aws import AwsCalls
from orchestrator.model.deployment import AwsStack


async def available_workers(stack: AwsStack, calls: AwsCalls) -> tuple[int, bool]:
    """Return how many chunk workers may run at once, and whether these are reserved for them.

    New accounts have 10 concurrent executions, which all of their functions share.
    """
    client = calls.client("lambda")

    def ask() -> tuple[int, bool]:
        limit = client.get_account_settings()["AccountLimit"]
        own = client.get_function_concurrency(FunctionName=stack.chunk_function)
        reserved = own.get("ReservedConcurrentExecutions")
        if reserved is not None:
            return int(reserved), True
        return int(limit["UnreservedConcurrentExecutions"]), False

    return await calls.run("quota of workers", ask)
