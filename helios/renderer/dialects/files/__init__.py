"""Dialects whose compositions are files that a page shows: images and Lottie animations."""
