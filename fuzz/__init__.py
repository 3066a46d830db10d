"""Renders random compositions in several ways, and compares pictures and audio samples."""
