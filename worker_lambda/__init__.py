"""The worker on AWS Lambda: a thin shell over `helios.runtime`."""
