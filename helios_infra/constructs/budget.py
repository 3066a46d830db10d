"""The monthly budget."""

from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_sns as sns
from constructs import Construct

from helios_infra.configuration import Configuration

#: Percentages of the budget at which actual and forecast costs are reported.
_SPENT, _FORECAST = 80, 100


def add_budget(scope: Construct, configuration: Configuration, *, topic: sns.Topic) -> None:
    """Add a budget that writes to a topic."""
    wanted = configuration
    filters = None
    if wanted.budget_scope == "stack":
        filters = {"TagKeyValue": [f"user:helios:stack${wanted.stack_name}"]}
    subscribers = [
        budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=topic.topic_arn)
    ]
    budgets.CfnBudget(
        scope,
        "Budget",
        budget=budgets.CfnBudget.BudgetDataProperty(
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=budgets.CfnBudget.SpendProperty(amount=wanted.monthly_budget, unit="USD"),
            cost_filters=filters,
        ),
        notifications_with_subscribers=[
            budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=subscribers,
            )
            for kind, percent in (("ACTUAL", _SPENT), ("FORECASTED", _FORECAST))
        ],
    )
