"""Which IP addresses belong to the public internet. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

# Not `is_global`: its tables differ between Python versions, and none of them has all of these ranges.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers, and used inside of VPCs
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, with the metadata services of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_ROUTED_6 = IPv6Network("2000::/3")
"""Outside of it are loopback, mapped, compatible and translated IPv4 addresses, NAT64, unique local, link-local,
site-local and multicast addresses."""
_NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, with Teredo and ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3ffe::/16",  # the former 6bone
        "3fff::/20",  # documentation
    )
)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet.

    An IPv6 address with an IPv4 address inside (mapped, translated, 6to4, Teredo, NAT64) is never public, because only
    the gateway knows where such a packet goes.

    Parameters
    ----------
    address : str
        As a socket gives it. A text that is not an address, or an address with a zone (`fe80::1%eth0`), is not public.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _NOT_PUBLIC_4)
    return found.scope_id is None and found in _ROUTED_6 and not any(found in network for network in _NOT_PUBLIC_6)
