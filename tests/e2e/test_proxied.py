# SPDX-License-Identifier: Apache-2.0
"""Datagrams with the PROXY protocol's header, as proxies send them to servers and
dnsdist to its own: wire against log, and against the servers' own dnstap."""

import socket
import struct
from collections import Counter
from dataclasses import replace

from harness import dns, load, namespace, oracle, servers
from harness.collector import Collector
from harness.each import each
from harness.process import PATIENCE
from harness.scene import Scene

QUERIES = 400
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\0\0\0"  # in a proxy's own name
FAMILIES = {0x12: (socket.AF_INET, 4), 0x22: (socket.AF_INET6, 16)}


def header(client, port, values=b""):
    """Version 2: `client` asked us on its way to port 53 of somebody else."""
    code = 0x22 if ":" in client else 0x12
    there = "2001:db8::53" if ":" in client else "198.51.100.53"
    body = b"".join(socket.inet_pton(FAMILIES[code][0], end) for end in (client, there))
    body += struct.pack("!HH", port, 53) + values
    return SIGNATURE + struct.pack("!BBH", 0x21, code, len(body)) + body


def take(payload):
    """The message behind a header, and the client that is named, or None."""
    if not payload.startswith(SIGNATURE):
        return payload, None
    code, size = struct.unpack_from("!xBH", payload, 12)
    body, rest = payload[16:16 + size], payload[16 + size:]
    if code not in FAMILIES:
        return rest, None
    family, octets = FAMILIES[code]
    return rest, (socket.inet_ntop(family, body[:octets]),
                  *struct.unpack_from("!H", body, 2 * octets))


def unwrapped(wire, serves, proxies=None):
    """The messages as they ought to be logged. Where the client's family is not
    the server's the latter's address is None. Of less than a header nobody knows
    anything, when it is answered. proxies: those that are believed; None: all."""
    clients = {}
    for m in wire:
        strange = proxies is not None and m.target in serves and m.source not in proxies
        payload, client = (m.payload, None) if strange else take(m.payload)
        m = replace(m, payload=payload)
        if m.target in serves and m.target_port == 53:
            proxy = m.source, m.source_port, dns.ident(payload)
            clients[proxy] = client if len(payload) >= 12 else None
            if client:
                m = replace(m, source=client[0], source_port=client[1],
                            target=alike(m.target, client))
        elif m.source in serves and m.source_port == 53:
            client = clients.get((m.target, m.target_port, dns.ident(payload)))
            if client:
                m = replace(m, target=client[0], target_port=client[1],
                            source=alike(m.source, client))
        yield m


def alike(address, client):
    return address if (":" in address) == (":" in client[0]) else None


class Mix(load.Mix):
    """Each query is another client's; each tenth the proxy's own, if it may be."""

    def __init__(self, seed, odd, own):
        super().__init__(seed, odd)
        self.own = own

    def next(self):
        query, number = super().next(), self.count
        client = (f"203.0.113.{number % 250}", f"2001:db8::{number:x}")[number % 2]
        values = (b"", b"\x04\0\x03abc")[number % 3 == 0]
        return replace(query, header=LOCAL if self.own and number % 10 == 0
                       else header(client, 1024 + number, values))


def variant(name, old, new, **fields):
    return servers.variant(name, (old, new), **{"header": LOCAL, **fields})


NATIVE = """
logger = newFrameStreamUnixLogger('$tap')
addAction(AllRule(), DnstapLogAction('dnsdist', logger))
addResponseAction(AllRule(), DnstapLogResponseAction('dnsdist', logger))
"""
SERVERS = {
    "unbound": variant(
        "unbound", "num-threads: 2", "num-threads: 2\n    proxy-protocol-port: 53",
        file="unbound.conf"),
    "dnsdist": variant(
        "dnsdist", "setSecurityPollSuffix('')",
        "setSecurityPollSuffix('')\nsetProxyProtocolACL({'0.0.0.0/0', '::/0'})\n$native",
        file="dnsdist.conf", native=NATIVE),
    "pdns_server": variant(
        "pdns_server", "receiver-threads=2",
        "receiver-threads=2\nproxy-protocol-from=0.0.0.0/0, ::/0", file="pdns.conf"),
    "pdns_recursor": variant(
        "pdns_recursor", "threads=2",
        "threads=2\nallow-from=0.0.0.0/0, ::/0\nproxy-protocol-from=0.0.0.0/0, ::/0",
        file="recursor.conf"),
    "knotd": variant(
        "knotd", "udp-workers: 2",
        "udp-workers: 2\n    proxy-allowlist: [ 0.0.0.0/0, ::/0 ]", file="knot.conf",
        header=header("203.0.113.1", 1023)),
}


def expected(scene, proxies=None):
    serves = scene.server.addresses
    return oracle.facts(unwrapped(scene.wire.messages(), serves, proxies),
                        [*serves, None], scene.asks)


def ends(tap):
    return tap.query_address, tap.query_port, tap.response_address, tap.response_port


FORMERR = 1  # knotd forgets then whose it was


def once(taps):
    """By their octets, those that no other has."""
    count = Counter((tap.is_response, tap.payload) for tap in taps)
    return {(tap.is_response, tap.payload): tap for tap in taps
            if count[tap.is_response, tap.payload] == 1
            and dns.flags(tap.payload) & 15 != FORMERR}


def beside(native, taps):
    """How often the server's own dnstap says so too; and of what it differs in."""
    own, differ, count = once(native), [], Counter()
    for key, tap in once(taps).items():
        other = own.get(key)
        if not other or tap.type.startswith(("RESOLVER", "FORWARDER")):
            continue
        count["client alike"] += ends(tap)[:2] == ends(other)[:2]
        count["other address"] += ends(tap)[2:] != ends(other)[2:]
        if ends(tap)[:2] != ends(other)[:2]:
            differ.append((ends(tap), ends(other), dns.describe(tap.payload)))
    assert count["client alike"] and not differ, differ
    return count


@each(SERVERS)
def test_served(name):
    server, collector = SERVERS[name], Collector()
    native = Collector(name="native.sock") if server.native else None
    scene = Scene(name, f"dnstap {collector.endpoint} full", variant=server,
                  native=native.endpoint.removeprefix("unix://") if native else "")
    load.udp(scene.server.addresses, QUERIES, Mix(name, 5, server.header == LOCAL))
    count = len(expected(scene))
    scene.settle()
    if not server.lingers:
        collector.wait(count)
    scene.server.stop()
    taps = collector.taps(orderly=server.lingers)
    row = oracle.compare(expected(scene), taps).check()
    proxied = sum(tap.query_address.startswith(("203.0.113.", "2001:db8::"))
                  for tap in taps)
    assert proxied > QUERIES, proxied
    if native:
        for _, thread in native.connections:  # which may end in any way
            thread.join(10)
        from test_native import decoded
        row.update(beside(decoded(native.frames)[0], taps))
    return {"proxied": proxied, **row}


def test_asked():
    """dnsdist puts one before what it asks."""
    upstream = SERVERS["pdns_server"]
    servers.Running("pdns_server", address=namespace.UPSTREAM, variant=upstream)
    collector = Collector()
    scene = Scene("dnsdist", f"dnstap {collector.endpoint} full", variant=servers.variant(
        "dnsdist", ("$upstream:53'", "$upstream:53', useProxyProtocol=true"),
        file="dnsdist.conf", upstream=False))
    scene.asks.append(namespace.UPSTREAM)
    load.udp(scene.server.addresses, QUERIES, load.Mix("asked"))
    scene.settle()
    collector.wait(len(expected(scene)))
    scene.server.stop()
    asked = sum(m.payload.startswith(SIGNATURE) for m in scene.wire.messages())
    assert asked > QUERIES // 10, asked
    row = oracle.compare(expected(scene), collector.taps(orderly=False)).check()
    return {"asked": asked, **row}


PROXIES = namespace.CLIENTS4[1], namespace.CLIENTS6[1]  # the others are strangers
LIST = ",".join(PROXIES)
# As the servers' own lists have it.
LISTED = {
    "knotd": servers.variant(
        "knotd", ("udp-workers: 2", f"udp-workers: 2\n    proxy-allowlist: [ {LIST} ]"),
        file="knot.conf"),
    "pdns_server": servers.variant(
        "pdns_server", ("receiver-threads=2",
                        f"receiver-threads=2\nproxy-protocol-from={LIST}"),
        file="pdns.conf"),
    "dnsdist": servers.variant(
        "dnsdist", ("setSecurityPollSuffix('')",
                    "setSecurityPollSuffix('')\n"
                    f"setProxyProtocolACL({{'{PROXIES[0]}/32', '{PROXIES[1]}/128'}})"),
        file="dnsdist.conf"),
}
LINE = b"PROXY TCP4 203.0.113.66 198.51.100.53 666 53\r\n"


def send_as(source, target, octets, answered):
    """One datagram, from a port of its own."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.bind((source, 0))
        client.settimeout(PATIENCE)
        client.sendto(octets, (target, 53))
        if answered:
            client.recv(65535)


def ask_as_all(addresses, mix, believed):
    """Proxies and strangers, each with headers; strangers also without."""
    for number in range(QUERIES // 10):
        for address in addresses:
            sources = namespace.CLIENTS6 if ":" in address else namespace.CLIENTS4
            for source in sources:
                proxy = source in believed
                head = header(f"203.0.113.{number}", 1024 + number)
                send_as(source, address, head + mix.next().message, proxy)
                if not proxy:
                    send_as(source, address, LINE + mix.next().message, False)
                    send_as(source, address, mix.next().message, True)


def check_believed(name, proxies, scene, collector):
    """Just the headers of these are no part of the log."""
    ask_as_all(scene.server.addresses, load.Mix(name, odd=0), proxies)
    scene.settle()
    facts = expected(scene, proxies)
    if not scene.server.server.lingers:
        collector.wait(len(facts))
    scene.server.stop()
    taps = collector.taps(orderly=scene.server.server.lingers)
    row = oracle.compare(facts, taps).check()
    whole = sum(tap.payload.startswith((SIGNATURE, LINE)) for tap in taps)
    named = sum(tap.query_address.startswith("203.0.113.") for tap in taps)
    assert whole >= QUERIES // 10 and bool(named) == bool(proxies), (whole, named)
    return {"named": named, "with a header": whole, **row}


@each(LISTED)
def test_listed(name):
    """Those that the server believes are believed here; what others send before a
    message is logged as it came, under their own address."""
    collector = Collector()
    scene = Scene(name, f"proxies {LIST}\ndnstap {collector.endpoint} full",
                  variant=LISTED[name])
    return check_believed(name, PROXIES, scene, collector)


@each(["knotd", "nsd", "unbound"])
def test_none(name):
    """Servers that know of no header read it as a message, and so does the log."""
    collector = Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full", DNSTAP_PROXIES="none")
    return check_believed(name, (), scene, collector)
