"""The shared side of a distributed render: contract, worker, renderer, stitcher, storage."""

#: Version of the package, and of the renderer in it.
__version__ = "0.2.0"
