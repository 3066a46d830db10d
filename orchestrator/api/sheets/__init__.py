"""Contact sheets: frames of a composition or a video side by side in one image."""
