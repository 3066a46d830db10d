"""The worker on AWS Lambda: a thin shell over `helios.worker.runtime`."""
