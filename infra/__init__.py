"""The CDK app of this project: its stacks, and what is checked before it is deployed."""
