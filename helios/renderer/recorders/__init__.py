"""Record what a render reads, the pictures at its ends, and the times of its frames."""
