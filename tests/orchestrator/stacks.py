"""A stack on AWS, as its parameter describes it."""

from typing import Any

from orchestrator.model.deployment import AwsStack


def aws_stack(**values: Any) -> AwsStack:
    """Return a stack with these values, and those of a deployment for the others."""
    deployed: dict[str, Any] = {
        "name": "Helios",
        "version": 1,
        "region": "eu-west-1",
        "artifacts": "s3://bucket",
        "chunk_function": "chunks",
        "merge_function": "merges",
        "state_machine": "arn:aws:states:eu-west-1:1:stateMachine:m",
        "architecture": "x86_64",
        "chunk_memory": 3008,
        "chunk_disk": 2048,
        "chunk_timeout": 900,
        "merge_memory": 3008,
        "merge_disk": 10240,
        "max_concurrency": 200,
    }
    return AwsStack(**{**deployed, **values})
