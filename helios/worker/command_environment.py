"""Environment variables of commands: those of the worker without credentials, and its proxy."""

from collections.abc import Mapping

from helios.renderer.browser.network_flags import PROXY_VARIABLE
from helios.webhooks.events import SECRET as WEBHOOK_SECRET
from helios.worker.worker_config import DESTINATION_SECRETS

_NAMES = frozenset({"PATH", "HOME", "USER", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "TERM"})
_WITHHELD = frozenset({WEBHOOK_SECRET, DESTINATION_SECRETS})
_PREFIXES = ("HELIOS_", "LC_", "XDG_", "PYTHON", "FONTCONFIG_", "SSL_CERT_")


def command_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a worker's environment that commands get."""
    return {
        name: value
        for name, value in environment.items()
        if (name in _NAMES or name.startswith(_PREFIXES)) and name not in _WITHHELD
    }


def proxy_environment(proxy: str) -> dict[str, str]:
    """Return the variables that make browsers, ffmpeg and other programs use a proxy."""
    return {PROXY_VARIABLE: proxy, "http_proxy": proxy, "https_proxy": proxy, "no_proxy": ""}
