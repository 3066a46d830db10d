"""Batches: one composition rendered with the values of many rows."""
