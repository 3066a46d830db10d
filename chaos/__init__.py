"""Breaks things from a seed, to prove that no render is lost: what `make chaos` runs.

Real parts of this project do the work: a `JobManager` with its file repository in processes that
are killed, the Cloud Run adapter over HTTP, a worker's runtime in processes that are killed, and
storage in a folder. Only the trouble is made up.
"""
