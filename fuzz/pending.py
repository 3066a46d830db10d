"""Kinds of pieces that the renderer is known not to render the same each time, with the reason.

Pages have none of these unless `--pending` is given. Delete a line when its cause is gone.
"""

PENDING: dict[str, str] = {
    "scroll_timeline": "shows the scroll position of the frame visited before",
    "scrolled_smoothly": "smooth scrolling doesn't follow the page's clock",
    "svg_image": "an SVG that is an image moves on the browser's own clock",
    "video_by_script": "a video that a script moves isn't waited for",
    "view_transition": "view transitions don't follow the page's clock",
    "worker_by_its_clock": "workers have the browser's own clock",
    "worker_with_a_canvas": "what a worker draws isn't waited for",
}
