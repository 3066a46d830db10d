"""Estimates of the cost of renders, by dated list prices."""

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
