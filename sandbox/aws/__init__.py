"""A local AWS: moto, extended by what the stack needs, and deployments to it."""
