"""Time zone and locale of pages, independent of the machine's own."""

import re
import zoneinfo
from functools import cache

from helios.errors import OptionInvalid

DEFAULT_TIME_ZONE = "UTC"
DEFAULT_LOCALE = "en-US"

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
#: Language, script, region and variants, as RFC 5646 spells them.
_LOCALE = re.compile(
    r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
)


@cache
def time_zone(name: str) -> str:
    """Return the name of a time zone if the IANA time zone database has it.

    Raises `OptionInvalid` for other names. On a machine without the database only the form is
    checked.
    """
    known = zoneinfo.available_timezones()
    if not _ZONE.fullmatch(name) or (known and name not in known):
        raise OptionInvalid(
            f"timezone: {name!r} is not a time zone",
            hint="Give a name of the IANA time zone database, such as UTC or Europe/Paris.",
        )
    return name


def locale(name: str) -> str:
    """Return a locale such as `en-US`; raise `OptionInvalid` if it isn't a language tag."""
    if not _LOCALE.fullmatch(name):
        raise OptionInvalid(
            f"locale: {name!r} is not a locale",
            hint="Give a language tag such as en-US, de or zh-Hant-TW.",
        )
    return name
