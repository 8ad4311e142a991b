# SPDX-License-Identifier: Apache-2.0
"""Messages near the limit of 65,535 octets, over UDP where a server has them,
and over TCP in every way that their octets may come."""

from dataclasses import replace

from harness import dns, load, servers, zone
from harness.collector import Collector
from harness.each import each
from harness.scene import Scene

RECORDS = 60  # of four strings of 255 octets: more than 61,000 octets
NAMES = 6
LARGEST = 65535

HUGE = "".join(f"huge{name}.test. IN TXT " + f' "{name}{n:03}{"x" * 251}"' * 4 + "\n"
               for name in range(NAMES) for n in range(RECORDS))


def with_zone(variant):
    return replace(variant, files={**variant.files, "zone": zone.master() + HUGE})


SERVING = {
    "named": servers.SERVERS["named"],
    "knotd": servers.SERVERS["knotd"],
    "nsd": servers.variant("nsd", ("server-count: 2", "server-count: 2\n"
                                   "    ipv4-edns-size: 65535\n"
                                   "    ipv6-edns-size: 65535"), file="nsd.conf"),
    "pdns_server": servers.variant("pdns_server", (
        "receiver-threads=2", "receiver-threads=2\nudp-truncation-threshold=65535"),
        file="pdns.conf"),
}


def question(ident, size=0):
    return load.Query(dns.query(ident, f"huge{ident % NAMES}.test", "TXT", size=size),
                      True)


def padded(ident):
    """RFC 7830: a query of the greatest length."""
    query = dns.query(ident, "host1.test", size=4096)
    room = LARGEST - len(query) - 4
    option = b"\0\x0c" + room.to_bytes(2, "big") + bytes(room)
    return load.Query(query[:-2] + len(option).to_bytes(2, "big") + option, True)


@each(SERVING)
def test_longest(name):
    collector = Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full",
                  variant=with_zone(SERVING[name]))
    for address in scene.server.addresses:
        asking = load.clients(address)
        for ident in range(1, 21):
            asking.ask([question(ident, LARGEST)])
        asking.close()
        for style, pieces in load.PIECES.items():
            connection = load.Connection(address)
            queries = [question(ident) for ident in range(1, 9)]
            if style != "octets":
                queries.append(padded(9))
            connection.send(pieces(queries))
            for _ in queries:
                assert connection.answer(), style
            connection.drain()
    scene.stop(collector)
    facts = scene.facts()
    row = scene.check(collector.taps(orderly=scene.server.server.lingers))
    return {**{f"longest over {protocol}": max(
        len(fact.key[-1]) for fact in facts if fact.key[0] == protocol)
        for protocol in ("UDP", "TCP")}, **row}
