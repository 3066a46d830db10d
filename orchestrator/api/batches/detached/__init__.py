"""Batches that a deployment runs without a client."""
