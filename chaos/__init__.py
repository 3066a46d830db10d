"""Fault injection from seeds, which checks that no render is lost: `make chaos` runs it.

Real parts of this project do the work: a `JobManager` with its file repository in processes that
are killed, the Cloud Run adapter over HTTP, a worker's runtime in processes that are killed, and
storage in a folder. Only the faults are injected.
"""
