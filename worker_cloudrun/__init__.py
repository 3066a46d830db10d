"""The worker on Google Cloud Run: a thin shell over `helios.worker.runtime`."""
