"""Browser flags that restrict network access to the composition's files and a proxy."""

from urllib.parse import urlsplit

from helios.renderer.composition import LOCAL_HOST, LOCAL_ORIGIN

#: Environment variable with the URL of the worker's proxy. If set, the browser reaches everything
#: but the composition's own files through this proxy only.
PROXY_VARIABLE = "HELIOS_EGRESS_PROXY"

#: Host name of the proxy inside the browser, which resolves no other name of this machine.
_PROXY_NAME = "egress.invalid"


def network_flags(*, local_port: int | None, proxy: str | None) -> list[str]:
    """Return flags that route the browser's requests.

    Args:
        local_port: Local port at which the composition's files are served; None for a URL.
        proxy: URL of the worker's proxy; None for unrestricted network access.
    """
    rules = []
    if local_port is not None:
        rules.append(f"MAP {LOCAL_HOST}:80 127.0.0.1:{local_port}")
    if not proxy:
        flags = ["--no-proxy-server"]
    else:
        # Requests that bypass the proxy resolve nothing, neither names nor addresses.
        rules += [f"MAP {_PROXY_NAME}:80 127.0.0.1:{urlsplit(proxy).port}", "MAP * ~NOTFOUND"]
        flags = [
            f"--proxy-server=http://{_PROXY_NAME}:80",
            # By default, loopback addresses bypass the proxy. The later rule has precedence.
            f"--proxy-bypass-list=<-loopback>;{LOCAL_ORIGIN}:80",
            # WebRTC sends UDP, which doesn't pass the proxy.
            "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        ]
    return [*flags, f"--host-resolver-rules={','.join(rules)}"] if rules else flags
