"""What both sides of a distributed render stand on: the contract, the renderer, the stitcher."""

#: Version of the package, and of the renderer in it.
__version__ = "0.2.0"
