# SPDX-License-Identifier: Apache-2.0
"""Zones on their way over TLS (RFC 9103): many messages to one query, for clients and
from primaries."""

import socket
import subprocess
from collections import Counter
from dataclasses import replace

from harness import (dns, dot, encrypted, load, metrics, namespace, oracle, servers, tls,
                     zone)
from harness.collector import Collector
from harness.each import each
from harness.encrypted import EncryptedScene
from harness.process import PATIENCE, until
from harness.scene import Scene
from harness.tls_upstream import BEHIND, Relay, Upstream

AUTHORITY = f"{namespace.ROOM}/{encrypted.AUTHORITY}/authority.pem"
RECORDS = 10000  # a transfer takes many messages
CONNECTIONS, QUERIES = 6, 10
UPDATES, ADDED = 3, 500
LARGE = zone.master() + "".join(
    f"more{n}.test. IN A 192.0.2.{n % 256}\n" for n in range(RECORDS))
# The SOA comes twice, and in what has changed two more of them for each change.
WHOLE = len(zone.RECORDS) + RECORDS + 1
CHANGES = 2 + UPDATES * (2 + ADDED)
TRANSFERS = dns.TYPES["AXFR"], dns.TYPES["IXFR"]


def with_zone(server, *changes, file):
    """The server, with the large zone that everybody may have."""
    text = server.files[file]
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return replace(server, files={**server.files, "zone": LARGE, file: text})


ALLOWED = "    name: test\n", "    name: test\n    provide-xfr: 0.0.0.0/0 NOKEY\n"
PRIMARIES = {
    "named": with_zone(
        encrypted.SERVERS["named"], (
            "allow-update { none; };",
            "allow-update { any; }; transfers-out 100;"),
        file="named.conf"),
    "nsd": with_zone(encrypted.SERVERS["nsd"], ALLOWED, file="nsd.conf"),
    "dnsdist": replace(encrypted.SERVERS["dnsdist"], upstream=False),
}
# It hangs up on who asks something else meanwhile, or after.
HANGS_UP = {"dnsdist"}


class Secondary(dot.Asker):
    """Asks for transfers, too, of which it knows how many records they have."""

    def __init__(self, *arguments, **how):
        super().__init__(*arguments, **how)
        self.got = {}  # id → records

    def _answer(self, message):
        ident = dns.ident(message)
        query = self.asked[ident]
        kind = dns.qtype(query.key[-1])
        self.record.response(query, message)
        self.got[ident] = self.got.get(ident, 0) + int.from_bytes(message[6:8], "big")
        wanted = {TRANSFERS[0]: WHOLE, TRANSFERS[1]: CHANGES}.get(kind, 0)
        assert not wanted or self.got[ident] <= wanted and not message[3] & 15, query
        if self.got[ident] >= wanted:
            del self.asked[ident]


def narrow():
    """A server's writes end in the middle of messages, and go on later."""
    with open("/proc/sys/net/ipv4/tcp_wmem", "w") as setting:
        setting.write("4096 8192 8192")


def scene_with(name):
    """The server's, or that of one that passes on what another has."""
    collector, passes_on = Collector(), "zone" not in PRIMARIES[name].files
    if passes_on:
        servers.Running("nsd", address=namespace.UPSTREAM, variant=with_zone(
            servers.SERVERS["nsd"], ALLOWED, file="nsd.conf"))
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full",
                           variant=PRIMARIES[name])
    scene.asks += [namespace.UPSTREAM] if passes_on else []
    return collector, scene


def asking(scene, transfer, made, mix, number):
    """A client that asks for two transfers between other queries, or for one after
    them."""
    last = scene.name in HANGS_UP
    queries = [mix.next() for _ in range(QUERIES)]
    for place in (QUERIES,) if last else (3, 7):
        queries.insert(place, load.Query(transfer(mix.count + 1000 + place), True))
    return Secondary(tls.Stream(namespace.SERVER4, encrypted.DOT, made), scene.record,
                     queries, window=1 if last else QUERIES,
                     records=dot.APART[number % len(dot.APART)])


def ask(scene, transfer):
    """In the name of RFC 9103 7.1, without which named refuses."""
    made, mix = tls.context(scene.authority, alpn=("dot",)), load.Mix(scene.name, odd=0)
    tls.play([asking(scene, transfer, made, mix, number)
              for number in range(CONNECTIONS)], scene.name)


def axfr(ident):
    return dns.query(ident, "test", "AXFR")


def ixfr(ident):
    """Since serial 1 (RFC 1995)."""
    soa = dns.name("ns.test") + dns.name("root.test") + b"".join(
        value.to_bytes(4, "big") for value in (1, 3600, 900, 86400, 60))
    return (dns.HEADER.pack(ident, 0, 1, 0, 1, 0) + dns.question("test", "IXFR")
            + dns.name("test") + b"\0\6\0\1\0\0\1\x2c"
            + len(soa).to_bytes(2, "big") + soa)


@each(PRIMARIES)
def test_axfr(name):
    narrow()
    collector, scene = scene_with(name)
    ask(scene, axfr)
    scene.stop(collector)
    return scene.check(collector.taps(orderly=scene.server.server.lingers))


def update(number, address=namespace.SERVER4):
    """RFC 2136: many records."""
    subprocess.run(["nsupdate", "-v"], check=True, text=True, input="\n".join(
        (f"server {address}", "zone test",
         *(f"update add new{number}-{at}.test 300 A 192.0.2.1" for at in range(ADDED)),
         "send", "")))


def test_ixfr():
    narrow()
    collector, scene = scene_with("named")
    for number in range(UPDATES):
        update(number)
    ask(scene, ixfr)
    scene.stop(collector)
    return scene.check(collector.taps())


PRIMARY = with_zone(servers.variant("named"), (
    "notify no; allow-update { none; };",
    f"notify explicit; also-notify {{ {namespace.SERVER4}; }}; notify-source {BEHIND}; "
    "notify-delay 0; notify-rate 1000; allow-update { any; };"), file="named.conf")
SECONDARIES = {
    "nsd": servers.variant("nsd", ("    zonefile: $room/zone", f"""\
    zonefile: $room/secondary
    request-xfr: $upstream NOKEY here
    allow-notify: {BEHIND} NOKEY
"""), ("server:\n", f"""\
tls-auth:
    name: here
    auth-domain-name: {encrypted.NAME}
server:
    tls-cert-bundle: {AUTHORITY}
"""), file="nsd.conf"),
    "named": servers.variant("named", ("\noptions {", f"""
tls here {{ ca-file "{AUTHORITY}"; remote-hostname "{encrypted.NAME}"; }};
options {{"""), ('type primary; file "zone";', f"""
    type secondary; file "secondary"; masterfile-format text;
    primaries {{ $upstream port 853 tls here; }}; allow-notify {{ {BEHIND}; }};
"""), file="named.conf"),
}


def start_primary():
    """Until it has told that it has started, to one who stands in for the secondary."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as told:
        told.settimeout(PATIENCE)
        told.bind((namespace.SERVER4, 53))
        servers.Running("named", address=BEHIND, variant=replace(PRIMARY, inet6=False))
        message, primary = told.recvfrom(512)
        told.sendto(message[:2] + bytes([message[2] | 0x80]) + message[3:], primary)


@each(SECONDARIES)
def test_secondary(name):
    """What it asks of a primary, which says when something has changed."""
    encrypted.authority()
    # Of others named knows nothing.
    subprocess.run(["ip", "address", "add", f"{BEHIND}/8", "dev", "lo"], check=True)
    upstream, collector = Upstream(Relay), Collector()
    start_primary()
    scene = Scene(name, f"dnstap {collector.endpoint} full", ("UDP", "TCP", "DOT"),
                  variant=SECONDARIES[name])
    scene.counts_all = False  # but below
    scene.wire.leave_out_streams((encrypted.DOT,))
    for number in range(UPDATES):
        update(number, BEHIND)
        until(lambda: zone.serial(namespace.SERVER4) == number + 2, "the transfer")
    scene.stop(collector)
    upstream.join()
    asked = upstream.record.facts
    taps = collector.taps()
    row = oracle.compare(scene.facts() + asked, taps).check()
    metrics.check(len(scene.facts()) + scene.unsolicited() + len(asked))
    assert not oracle.disorder(asked, taps)
    count = Counter(dns.qtype(fact.key[-1]) for fact in asked if not fact.query)
    assert set(count) >= set(TRANSFERS), count
    return {"AXFR": count[TRANSFERS[0]], "IXFR": count[TRANSFERS[1]], **row}
