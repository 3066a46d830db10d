"""What renders cost: priced by lists that are dated, and always an estimate."""

from orchestrator.cost.cost import AwsWorkers, Cost, Usage, aws_cost

__all__ = ["AwsWorkers", "Cost", "Usage", "aws_cost"]
