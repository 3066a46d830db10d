"""What both sides of a distributed render stand on: the contract, the renderer, the stitcher."""
