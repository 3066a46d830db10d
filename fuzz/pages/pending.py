"""Kinds of pieces that the renderer is known not to render the same each time, with the reason.

Pages have none of these unless `--pending` is given. Delete a line when its cause is gone.
"""

PENDING: dict[str, str] = {}
