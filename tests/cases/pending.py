"""Cases that fail, each with the reason. A case that passes must leave this list."""

_HELD = "a page that shows only a video is taken for still where a picture repeats"
_STAMPS = "a video isn't placed by the time stamps of its pictures"

PENDING: dict[str, str] = {
    "captions-and-their-events": "captions and their events don't follow the page's clock",
    "film-after-film-in-one-element": "the first picture of another file isn't waited for",
    "film-from-a-media-source": "a video that plays from a MediaSource stays where it is",
    "film-in-a-window": _HELD,
    "film-of-24-at-30": _HELD,
    "film-of-uneven-rate": _HELD,
    "film-on-a-page-without-ground": "pictures of a video with alpha differ by a level between cuts",
    "film-that-is-paused-for-a-while": _HELD,
    "film-that-stands-at-first": _HELD,
    "film-with-an-edit-list": _HELD,
    "film-with-transparency": "pictures of a video with alpha differ by a level between cuts",
    "svg-in-eight-ways": "an SVG that is an image moves on the browser's own clock",
    "view-transition": "a view transition holds up drawing",
    "vue": "what a frame's callback sets off isn't the same in each cut",
    "webm-in-milliseconds": _STAMPS,
    "webm-of-23-976": _STAMPS,
}
