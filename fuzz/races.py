"""Twenty pages whose loading, seeking and drawing depend most on the load of the machine.

`python -m fuzz --races --times 100` renders each a hundred times in two chunks, with busy cores and
late answers of the browser, and compares every frame with the reference.
"""

from pathlib import Path

_ROOT = Path(__file__).parents[1]

#: Written pages, and pages in which a difference was found once.
FOLDERS = (
    # Data that is fetched, web fonts and style sheets of files, a film, WebGL.
    *(_ROOT / "examples" / name for name in ("chart", "promo", "slides", "video", "webgl")),
    *(
        _ROOT / "tests" / "fuzz" / "found" / name
        for name in (
            # Actions that begin while the page loads or with its first frame.
            "animations-of-a-page-that-loads",
            "events-of-the-first-frame",
            "transition-set-off-while-loading",
            # Answers of workers, which are other threads.
            "answers-of-a-worker",
            "canvas-of-a-worker",
            # Pictures that the browser creates asynchronously.
            "image-of-a-canvas",
            "video-added-by-a-timer",
            "video-played-by-a-timer",
            # Drawing that takes several frames of the browser.
            "scroll-timeline",
            "view-transition-of-a-skewed-element",
        )
    ),
)
#: Random pages: web fonts, frames that load late, images, SVG documents, workers, films.
SEEDS = (3, 8, 9, 39, 44)
