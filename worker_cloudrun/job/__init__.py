"""A task of a detached render, which Cloud Run runs as part of an execution."""
