"""The pieces of pages, a module per concern; importing this registers all of them."""

from importlib import import_module

# Their order decides on what a seed draws.
for _names in (
    "motion.animations boxes canvases documents dom motion.effects motion.frame_callbacks images",
    "media observers scrolling text motion.timers motion.transitions vector motion.web_animations",
    "workers",
):
    for _name in _names.split():
        import_module(f"fuzz.pieces.{_name}")
