"""Network addresses that a worker may connect to for a job: public ones by default."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

from helios.errors import SourceForbidden, StorageUnavailable

#: Returns the addresses of a host as text; raises `OSError` if there are none.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Metadata servers with a machine's credentials, beside the link-local addresses.
METADATA_ADDRESSES = frozenset(
    map(ipaddress.ip_address, ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16"))
)
#: IPv6 networks whose addresses embed an IPv4 address in the last 32 bits (RFC 6052, RFC 8215).
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))


class NetworkPolicy:
    """Decides which addresses may be connected to.

    A name is resolved once, here, and callers connect to the checked address: a later change of
    the name has no effect.

    Args:
        hosts: Allowed names: `example.com`, `*.example.com` for its subdomains, `*` for any.
        allow_private: Whether private networks (such as 10.0.0.0/8) are allowed. Link-local
            addresses and metadata servers never are.
        allow_loopback: Whether loopback addresses are allowed.
        resolve: Resolves names; the system's resolver by default.
    """

    def __init__(
        self,
        *,
        hosts: Sequence[str] = ("*",),
        allow_private: bool = False,
        allow_loopback: bool = False,
        resolve: Resolve | None = None,
    ) -> None:
        self._hosts = tuple(host.lower() for host in hosts)
        self._allow_private = allow_private
        self._allow_loopback = allow_loopback
        self._resolve = resolve or system_addresses

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the allowed addresses of a host.

        Raises `SourceForbidden` if the host isn't on the list, or none of its addresses is allowed,
        and `StorageUnavailable` if the host has no address.
        """
        name = host.lower().rstrip(".")
        if not any(_matches(name, pattern) for pattern in self._hosts):
            raise SourceForbidden(
                f"{host}: this worker may not reach that host",
                hint="Add it to HELIOS_ALLOWED_HOSTS.",
            )
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as fault:
            raise StorageUnavailable(f"{host}: no address is known ({fault})") from None
        allowed = [address for address in found if self.allows(address)]
        if not allowed:
            raise SourceForbidden(
                f"{host}: its address is in a network that workers may not reach",
                hint="HELIOS_ALLOW_PRIVATE_NETWORK=1 allows private networks, but never metadata "
                "servers with credentials.",
            )
        return allowed

    def allows(self, address: str) -> bool:
        """Return whether an IP address is allowed."""
        try:
            plain = _unwrapped(ipaddress.ip_address(address))
        except ValueError:
            return False
        if plain in METADATA_ADDRESSES or plain.is_link_local or plain.is_multicast:
            return False
        if plain.is_unspecified or _is_broadcast(plain):
            return False
        if plain.is_loopback:
            return self._allow_loopback
        return plain.is_global or self._allow_private


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address embedded in an IPv6 address, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    # ::1 and :: are in the last of these networks, but embed no address.
    embeds = int(address) > 1 and any(address in network for network in _TRANSLATED)
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if embeds else address


def _is_broadcast(address: Address) -> bool:
    return isinstance(address, ipaddress.IPv4Address) and int(address) == 0xFFFF_FFFF


def _matches(name: str, pattern: str) -> bool:
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return name.endswith(pattern[1:])
    return name == pattern


async def system_addresses(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host by the system's resolver; raise `OSError` if it has none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
