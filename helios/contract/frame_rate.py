"""Frame rates as exact fractions, so that frame n has one time on every machine."""

from fractions import Fraction

from helios.errors import OptionInvalid

#: Frames per second beyond which a rate is taken for a mistake.
MAX_FPS = 1000


def frame_rate(fps: float | str | Fraction) -> Fraction:
    """Return frames per second, given as a number, a decimal or a ratio, as an exact fraction.

    A decimal that stands for an NTSC rate becomes that rate (29.97 is 30000/1001), as broadcast
    standards (SMPTE ST 12-1) define it. Raises `OptionInvalid` if the rate isn't a number above 0
    and at most `MAX_FPS`.
    """
    text = str(fps)
    try:
        # As a fraction, 1e999999999 has all of its digits.
        is_near = "/" in text or 1e-99 < float(text) <= MAX_FPS
        exact = Fraction(text) if is_near else Fraction(0)
    except (ValueError, ZeroDivisionError):
        raise OptionInvalid(
            f"fps: {fps!r} is not a frame rate",
            hint="Give a number such as 30, 29.97 or 30000/1001.",
        ) from None
    if not 0 < exact <= MAX_FPS:
        raise OptionInvalid(f"fps: {fps} is outside 0 to {MAX_FPS}")
    nominal = round(exact)
    if exact.denominator != 1 and nominal > 0:
        ntsc = Fraction(nominal * 1000, 1001)
        if abs(exact - ntsc) < Fraction(1, 200):
            return ntsc
    return exact


def frame_time(frame: int, rate: Fraction) -> Fraction:
    """Return the time of a frame in seconds from the start of the timeline."""
    return frame / rate


def samples_before(frame: int, rate: Fraction, sample_rate: int) -> int:
    """Return how many audio samples precede a frame, rounded on the whole timeline's grid.

    At any rate, consecutive ranges of frames thus have consecutive ranges of samples.
    """
    return round(frame * sample_rate / rate)
