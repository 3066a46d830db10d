"""Socket options that keep connections open while a render sends nothing."""

import socket

#: Seconds without traffic before a connection is probed, and between probes: routers drop a
#: connection after some minutes without traffic, and a render sends nothing for longer.
INTERVAL = 45


def keep_alive_options() -> list[tuple[int, int, int]]:
    """Return level, name and value of each option, as `socket.setsockopt` takes them.

    They only have an effect on sockets with `SO_KEEPALIVE`.
    """
    # macOS calls the first one TCP_KEEPALIVE.
    names = ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL")
    return [
        (socket.IPPROTO_TCP, getattr(socket, name), INTERVAL)
        for name in names
        if hasattr(socket, name)
    ]
