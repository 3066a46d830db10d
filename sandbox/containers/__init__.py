"""Docker engines, registries and images of the workers."""
