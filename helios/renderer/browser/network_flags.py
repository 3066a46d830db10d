"""Limits a browser's network access to its composition's files and the worker's proxy."""

from urllib.parse import urlsplit

from helios.renderer.composition import LOCAL_ORIGIN

#: Environment variable with the URL of the proxy that a worker runs. With it, that proxy is the
#: only way to anything but the composition's own files.
PROXY_VARIABLE = "HELIOS_EGRESS_PROXY"

#: Name under which the browser knows the proxy; no page can reach this machine by its own names.
_PROXY_NAME = "egress.invalid"


def network_flags(*, local_port: int | None, proxy: str | None) -> list[str]:
    """Return the browser's flags.

    Parameters
    ----------
    local_port:
        Port of this machine at which the composition's files are served; None for a page that is
        elsewhere.
    proxy:
        URL of the worker's proxy; None to leave the network open.
    """
    rules = []
    if local_port is not None:
        rules.append(f"MAP {urlsplit(LOCAL_ORIGIN).hostname}:80 127.0.0.1:{local_port}")
    if not proxy:
        flags = ["--no-proxy-server"]
    else:
        # What doesn't go through the proxy has nowhere to go: not by a name, not by an address.
        rules += [f"MAP {_PROXY_NAME}:80 127.0.0.1:{urlsplit(proxy).port}", "MAP * ~NOTFOUND"]
        flags = [
            f"--proxy-server=http://{_PROXY_NAME}:80",
            # This machine's own names would be spared from the proxy. The later rule wins.
            f"--proxy-bypass-list=<-loopback>;{LOCAL_ORIGIN}:80",
            # Calls between browsers send datagrams, which no proxy sees.
            "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        ]
    return [*flags, f"--host-resolver-rules={','.join(rules)}"] if rules else flags
