"""Chromium's flags for reproducible frames."""

import os

FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-quic",
    "--autoplay-policy=no-user-gesture-required",
    # All frames of a page share one process and one session.
    "--disable-site-isolation-trials",
    "--disable-features=IsolateOrigins,site-per-process,Translate,BackForwardCache,PaintHolding",
    # The same pixels on every machine: no GPU, no subpixel text, one colour profile.
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--disable-lcd-text",
    "--disable-partial-raster",
    # No layers for flat 3D transforms, such as translate3d(x, y, 0): layers keep traces of earlier
    # frames. Other effects of this mode are reverted: 16-bit colours, a cast button on videos, and,
    # in `script_flags`, a small heap.
    "--enable-low-end-device-mode",
    "--disable-rgba-4444-textures",
    "--disable-blink-features=RemotePlaybackBackend",
    # Frames are drawn when complete, on the frame's own clock.
    "--disable-checker-imaging",
    "--disable-image-animation-resync",
    "--disable-new-content-rendering-timeout",
    "--disable-threaded-animation",
    "--disable-threaded-scrolling",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--run-all-compositor-stages-before-draw",
)
#: The scripts' heap as a part of the machine's memory, and its limit in MiB, as V8 chooses it.
_HEAP_PART, _MAX_HEAP = 1 / 4, 4096
#: Size in MiB of a semi-space of the heap's young generation.
_YOUNG_SPACE = 32


def machine_flags() -> list[str]:
    """Return the flags for the rights and the shared memory of this process."""
    flags = []
    if os.geteuid() == 0 or os.environ.get("HELIOS_NO_SANDBOX") == "1":
        # Chromium's sandbox isn't available to root, nor inside Lambda's sandbox.
        flags.append("--no-sandbox")
    try:
        shared = os.statvfs("/dev/shm")  # noqa: S108
        if shared.f_bavail * shared.f_frsize < 1 << 28:
            flags.append("--disable-dev-shm-usage")
    except OSError:
        flags.append("--disable-dev-shm-usage")
    return flags


def script_flags() -> str:
    """Return the flag for memory and optimisations of scripts as on an ordinary device."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20
    heap = int(min(memory * _HEAP_PART, _MAX_HEAP))
    return (
        f"--js-flags=--no-optimize-for-size,--max-old-space-size={heap},"
        f"--max-semi-space-size={_YOUNG_SPACE}"
    )
