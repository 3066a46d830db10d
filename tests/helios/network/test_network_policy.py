import asyncio
import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.errors import SourceForbidden, StorageUnavailable
from helios.network.network_policy import NetworkPolicy

PUBLIC = "93.184.216.34"
NEVER = [
    "169.254.169.254",  # the metadata address of AWS, Google and Azure
    "169.254.170.2",  # credentials of ECS tasks
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "224.0.0.1",
    "ff02::1",
    "0.0.0.0",
    "::",
    "255.255.255.255",
    "no address",
    "",
]
PRIVATE = ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "192.0.2.1"]
LOOPBACK = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]


def resolved(*addresses: str) -> NetworkPolicy:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return NetworkPolicy(resolve=resolve)


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1111", f"::ffff:{PUBLIC}"])
def test_a_public_address_may_be_reached(address: str) -> None:
    assert NetworkPolicy().allows(address)


@pytest.mark.parametrize("address", [*NEVER, *PRIVATE, *LOOPBACK])
def test_no_other_address_may_be_reached(address: str) -> None:
    assert not NetworkPolicy().allows(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_networks_can_be_opened(address: str) -> None:
    assert NetworkPolicy(allow_private=True).allows(address)


@pytest.mark.parametrize("address", NEVER)
def test_files_with_credentials_can_not_be_opened(address: str) -> None:
    assert not NetworkPolicy(allow_private=True, allow_loopback=True).allows(address)


@pytest.mark.parametrize("address", LOOPBACK)
def test_this_machine_is_opened_by_itself(address: str) -> None:
    assert not NetworkPolicy(allow_private=True).allows(address)
    assert NetworkPolicy(allow_loopback=True).allows(address)


@given(st.ip_addresses(v=4), st.booleans())
def test_an_address_counts_the_same_in_every_disguise(
    address: ipaddress.IPv4Address, allow_private: bool
) -> None:
    policy = NetworkPolicy(allow_private=allow_private)
    number = int(address)
    for disguise in (
        ipaddress.IPv6Address(f"::ffff:{address}"),
        ipaddress.IPv6Address(f"64:ff9b::{address}"),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1),
        ipaddress.IPv6Address((0x2001_0000 << 96) | (number ^ 0xFFFF_FFFF)),
    ):
        assert policy.allows(str(disguise)) == policy.allows(str(address)), disguise


def test_only_addresses_that_may_be_reached_are_returned() -> None:
    policy = resolved("10.0.0.1", PUBLIC, "169.254.169.254")
    assert asyncio.run(policy.addresses("mixed.test", 80)) == [PUBLIC]


def test_a_name_that_leads_into_a_private_network_is_refused() -> None:
    with pytest.raises(SourceForbidden, match=r"sneaky\.test"):
        asyncio.run(resolved("169.254.169.254").addresses("sneaky.test", 80))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "localhost", "::1", "169.254.169.254"]
)
def test_no_spelling_of_this_machine_gets_through_the_systems_resolver(host: str) -> None:
    with pytest.raises((SourceForbidden, StorageUnavailable)):
        asyncio.run(NetworkPolicy().addresses(host, 80))


def test_a_name_without_address_is_told_as_such() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    with pytest.raises(StorageUnavailable, match="no such name"):
        asyncio.run(NetworkPolicy(resolve=resolve).addresses("nowhere.test", 80))


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("example.com", True),
        ("EXAMPLE.com.", True),
        ("a.cdn.test", True),
        ("cdn.test", False),
        ("evilcdn.test", False),
        ("example.com.evil.test", False),
    ],
)
def test_hosts_can_be_limited_to_a_list(host: str, allowed: bool) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return [PUBLIC]

    policy = NetworkPolicy(hosts=["example.com", "*.cdn.test"], resolve=resolve)
    if allowed:
        assert asyncio.run(policy.addresses(host, 443)) == [PUBLIC]
    else:
        with pytest.raises(SourceForbidden):
            asyncio.run(policy.addresses(host, 443))
