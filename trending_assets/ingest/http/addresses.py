"""What may be asked at all: https URLs of named hosts, at addresses of the public internet."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import unquote

import httpx

from trending_assets.ingest.http.errors import RefusedURLError

_LONGEST_URL = 4096
_URL = re.compile(r"https://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?:\?[^#]*)?(?:#.*)?", re.IGNORECASE)
# At least two labels, the last one not a number: no IP address in any notation, octal, hex or dotless.
_NAME = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")
_UNICODE_DOTS = frozenset("\u3002\uff0e\uff61")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-f]{2})|%[01][0-9a-f]|%7f", re.IGNORECASE)

# Everything that is not the public internet; the IANA special-purpose registries, which the standard library
# knows differently from version to version.
_REFUSED_V4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by a carrier",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "a cloud's own metadata server",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved for protocols",
    "192.0.2.0/24": "for documentation",
    "192.88.99.0/24": "a 6to4 relay",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "for benchmarks",
    "198.51.100.0/24": "for documentation",
    "203.0.113.0/24": "for documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}
# Within 2000::/3, outside which there is no public address. Teredo lies in the first one. A 6to4 or Teredo
# address holds an IPv4 address and no public website has one, so what it holds does not matter.
_REFUSED_V6 = {
    "2001::/23": "reserved for protocols",
    "2001:db8::/32": "for documentation",
    "2002::/16": "6to4",
    "3fff::/20": "for documentation",
}
_V4 = {ipaddress.IPv4Network(network): name for network, name in _REFUSED_V4.items()}
_V6 = {ipaddress.IPv6Network(network): name for network, name in _REFUSED_V6.items()}
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
# Behind NAT64 every IPv4 host has such an address, so this one is judged by the address that it holds.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def shown(url: str) -> str:
    """A URL as an error may name it: without user information, query and characters that fool a reader."""
    head = re.split(r"[?#]", url, maxsplit=1)[0]
    if "@" in unquote(head):
        scheme = re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:[/\\]*", head)
        # Where the authority ends in a URL that nobody can read is not known, so all up to the last "@" goes.
        head = f"{scheme[0] if scheme else ''}…@{re.split('@|%40', head)[-1]}"
    text = head[:200].encode("unicode_escape").decode("ascii")
    return text + ("?…" if len(head) < len(url) and "?" in url else "")


def host_name(host: str) -> str:
    """A host's name in the one spelling that is compared, dialled and recorded.

    Args:
        host: a DNS name of at least two labels, in any case, in ASCII or Unicode, with or without its last dot.

    Raises:
        ValueError: it is not one.
    """
    name = host.removesuffix(".")
    if not name.isascii():
        if _UNICODE_DOTS & set(name):
            raise ValueError("has dots that are not ASCII")
        try:
            encoded = httpx.URL(f"https://{name}/").raw_host.decode("ascii")
        except httpx.InvalidURL:
            raise ValueError("is not a name that IDNA can encode") from None
        # Some characters, the Kelvin sign for one, lower to a plain letter: a name in disguise.
        labels = zip(name.split("."), encoded.split("."), strict=True)
        if not all(label.isascii() or made.startswith("xn--") for label, made in labels):
            raise ValueError("has characters that stand for others")
        name = encoded
    name = name.lower()
    if not _NAME.fullmatch(name):
        raise ValueError("is not a DNS name of at least two labels")
    return name


def host_of(url: httpx.URL) -> str:
    """The host of a checked URL as :func:`host_name` spells it; httpx itself shows some names in Unicode."""
    return url.raw_host.decode("ascii")


def checked_url(url: str, hosts: frozenset[str]) -> httpx.URL:
    """The URL as it is sent and recorded, if it may be asked for.

    Args:
        url: https, port 443, without user information; its path and query may hold printable Unicode.
        hosts: the names that may be asked, as :func:`host_name` spells them.

    Returns:
        The URL in its normal form, without a fragment.

    Raises:
        RefusedURLError: it may not be asked for.
    """

    def refused(reason: str) -> RefusedURLError:
        return RefusedURLError(f"{shown(url)}: refused, {reason}")

    if len(url) > _LONGEST_URL:
        raise refused(f"it is longer than {_LONGEST_URL} characters")
    if not url.isprintable() or " " in url or "\\" in url:
        raise refused("it has spaces, backslashes or characters that cannot be printed")
    if _BAD_ESCAPE.search(url):
        raise refused("it has an escape that is malformed or stands for a control character")
    match = _URL.fullmatch(url)
    if not match:
        raise refused("it is not an https URL")
    host, colon, port = match["authority"].partition(":")
    if "@" in match["authority"]:
        raise refused("it has user information")
    if colon and port != "443":
        raise refused("its port is not 443")
    try:
        name = host_name(host)
    except ValueError as error:
        raise refused(f"its host {error}") from None
    if name not in hosts:
        raise refused(f"its host is not among those of the source ({', '.join(sorted(hosts))})")
    try:
        # The host is put in as it was checked, so no second reading of the URL decides who is asked.
        return httpx.URL(url).copy_with(scheme="https", host=name, port=None, fragment=None)
    except httpx.InvalidURL:
        raise refused("it cannot be read") from None


def refused_range(address: str) -> str | None:
    """What an IP address is instead of a public one; None for a public address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "not an address"
    if isinstance(ip, ipaddress.IPv4Address):
        return next((name for network, name in _V4.items() if ip in network), None)
    if ip.scope_id is not None:
        return "bound to an interface"
    if ip in _NAT64:
        held = refused_range(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        return held and f"NAT64, {held}"
    if ip not in _PUBLIC_V6:
        return "not public"
    return next((name for network, name in _V6.items() if ip in network), None)


def check_addresses(host: str, addresses: Iterable[str]) -> None:
    """Refuses a host that has any address which is not public.

    One such address is enough: a public site has none, and picking the public ones out of a mixture would
    trust the answer of whoever mixed it.

    Raises:
        RefusedURLError: an address is not public.
    """
    for address in addresses:
        if found := refused_range(address):
            raise RefusedURLError(f"https://{host}: refused, it resolves to {address}, which is {found}")
