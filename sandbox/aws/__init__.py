"""A local AWS: moto with what the stack needs besides, and deploying to it."""
