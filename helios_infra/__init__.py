"""Deployment: CDK stacks, one construct a concern, and Cloud Run provisioning."""
