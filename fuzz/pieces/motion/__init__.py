"""Pieces that move elements: by styles, scripts and timers."""
