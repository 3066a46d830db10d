"""What renders cost: priced by lists that are dated, and always an estimate."""

from orchestrator.cost.cost import (
    AwsWorkers,
    Cost,
    GoogleWorkers,
    Usage,
    Workers,
    aws_cost,
    cost_of,
    google_cost,
)

__all__ = [
    "AwsWorkers",
    "Cost",
    "GoogleWorkers",
    "Usage",
    "Workers",
    "aws_cost",
    "cost_of",
    "google_cost",
]
