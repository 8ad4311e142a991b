# SPDX-License-Identifier: Apache-2.0
"""What servers ask other servers: over UDP, over TCP after a truncated answer
and as their own client did, with and without RD. Wire against log."""

import os
import struct
from collections import Counter
from dataclasses import replace

from harness import dns, host, load, namespace, oracle, servers
from harness.collector import Collector
from harness.each import each
from harness.metrics import SETTING, Metrics
from harness.process import Process
from harness.scene import Scene
from harness.wire import Recorder

QUERIES = 300


def named(options="", zone=""):
    return servers.variant(
        "named", ("recursion no;", f"recursion yes; {options}"),
        ('zone "test" { type primary; file "zone"; };', zone),
        file="named.conf", upstream=True)


# FORWARDER: asks with RD; RESOLVER: without; both: as its client did.
FORWARDER, RESOLVER = {"FORWARDER"}, {"RESOLVER"}
BOTH = FORWARDER | RESOLVER
VARIANTS = {
    "named-forwarding": ("named", FORWARDER, named(
        "forwarders { $upstream; }; forward only;")),
    "named-resolving": ("named", RESOLVER, named(
        zone='zone "test" { type static-stub; server-addresses { $upstream; }; };')),
    "unbound-forwarding": ("unbound", FORWARDER, None),
    "unbound-resolving": ("unbound", RESOLVER, servers.variant(
        "unbound", ('forward-zone:\n    name: "."\n    forward-addr:',
                    'stub-zone:\n    name: "test."\n    stub-addr:'),
        file="unbound.conf")),
    "pdns_recursor-forwarding": ("pdns_recursor", BOTH, servers.variant(
        "pdns_recursor", ("forward-zones=", "forward-zones-recurse="),
        file="recursor.conf")),
    "pdns_recursor-resolving": ("pdns_recursor", RESOLVER, None),
    "dnsmasq": ("dnsmasq", BOTH, None),
    "dnsdist": ("dnsdist", BOTH, None),
    "kresd": ("kresd", FORWARDER, None),
    "smartdns": ("smartdns", FORWARDER, servers.variant(
        "smartdns", ("server $upstream", "server $upstream\nserver-tcp $upstream"),
        file="smartdns.conf")),
}


# What Debian 13's asks.
NEWER = {"pdns_recursor-forwarding": FORWARDER}

# The same over IPv6.
OVER_IPV6 = {
    "named": VARIANTS["named-forwarding"][2],
    "unbound": servers.SERVERS["unbound"],
    "pdns_recursor": servers.variant(
        "pdns_recursor", ("forward-zones=.=$upstream",
                          "forward-zones=.=[$upstream]:53\nquery-local-address=::"),
        file="recursor.conf"),
    "dnsmasq": servers.SERVERS["dnsmasq"],
    "dnsdist": servers.variant("dnsdist", ("$upstream:53", "[$upstream]:53"),
                               file="dnsdist.conf"),
    "kresd": servers.SERVERS["kresd"],
}


@each(VARIANTS)
def test_asks(variant):
    name, kinds, server = VARIANTS[variant]
    collector = Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full", variant=server)
    load.udp(scene.server.addresses, QUERIES, load.Mix(name))
    load.tcp(scene.server.addresses, QUERIES // 3, load.Mix(f"{name} tcp"))
    load.truncated(scene.server.addresses[:1])
    scene.stop(collector)
    row = scene.check(collector.taps(orderly=scene.server.server.lingers))
    asked = Counter((fact.type.partition("_")[0], fact.key[0])
                    for fact in scene.facts()
                    if fact.ends[1] == namespace.UPSTREAM)
    found = {kind for kind, _ in asked} - {"UPDATE"}
    assert found in (kinds, NEWER.get(variant)), asked
    assert {protocol for _, protocol in asked} == {"UDP", "TCP"}, asked
    count = {f"asking over {protocol}": sum(
        n for (_, used), n in asked.items() if used == protocol)
        for protocol in ("UDP", "TCP")}
    return {"types": ", ".join(sorted(found)), **count,
            **{key: row[key] for key in ("messages", "missing", "surplus", "wrong")}}


def to_ipv6(text):
    return text.replace("$upstream", namespace.UPSTREAM6)


@each(OVER_IPV6)
def test_over_ipv6(name):
    """From sockets that are mostly bound to no address."""
    server, collector = OVER_IPV6[name], Collector()
    servers.Running("nsd", address=namespace.UPSTREAM6)
    scene = Scene(name, f"dnstap {collector.endpoint} full", variant=replace(
        server, command=to_ipv6(server.command), upstream=False,
        files={file: to_ipv6(text) for file, text in server.files.items()}))
    scene.asks.append(namespace.UPSTREAM6)
    load.udp(scene.server.addresses, QUERIES, load.Mix(name))
    load.tcp(scene.server.addresses, QUERIES // 3, load.Mix(f"{name} tcp"))
    scene.stop(collector)
    asked = Counter(fact.key[0] for fact in scene.facts()
                    if fact.ends[1] == namespace.UPSTREAM6)
    assert asked["UDP"], "nothing was asked"
    row = scene.check(collector.taps(orderly=server.lingers))
    return {"asking": asked.total(), **row}


def test_from_53():
    """Both ports are DNS ports: the answers come to one that might serve."""
    command = servers.SERVERS["dnsmasq"].command.replace(
        "$upstream", "$upstream@127.0.0.1#53")
    collector = Collector()
    scene = Scene("dnsmasq", f"dnstap {collector.endpoint} full",
                  variant=servers.variant("dnsmasq", command=command), **SETTING)
    load.udp(scene.server.addresses[:1], QUERIES, load.Mix("from 53"))
    scene.settle()
    upstream, here = (namespace.UPSTREAM, 53), ("127.0.0.1", 53)
    asked = [fact for fact in scene.facts() if fact.key[1:3] == (53, 53)]
    answer = [fact.key[-1] for fact in asked if fact.key[3]][-1]
    load.spoof(upstream, here, answer)  # as the network might repeat it
    ident = struct.pack("!H", dns.ident(answer) ^ 0x5555)
    load.spoof(upstream, here, ident + answer[2:], FORGED)
    scene.stop(collector)
    metrics = Metrics()
    metrics.check()
    assert metrics.dropped["unsolicited"] == scene.unsolicited() >= FORGED
    return scene.check(collector.taps())


def test_early():
    """Another thread reads the answer before the send of its query returns. It
    comes behind its query; everything else passes it."""
    servers.Running("nsd", address=namespace.UPSTREAM)
    flags = f'-DUPSTREAM="{namespace.UPSTREAM}"'
    late = host.build("late", "-DBEHIND", "-shared", "-fPIC", to="late.so")
    program = host.build("late", flags, "-ldl")
    os.mkfifo(f"{namespace.ROOM}/go")
    collector, wire = Collector(), Recorder()
    environment = servers.tap_environment(f"dnstap {collector.endpoint} full", **SETTING)
    environment["LD_PRELOAD"] += f":{late}"
    asking = Process([program], environment=environment)
    collector.wait(2 * 50)
    with open(f"{namespace.ROOM}/go", "w"):
        pass
    asking.wait(0)
    wire.quiet()
    taps = collector.taps()
    order = [(dns.ident(tap.payload), tap.is_response) for tap in taps]
    others = [(ident, kind) for ident in range(2, 52) for kind in (False, True)]
    assert order == [*others, (1, False), (1, True), (200, False), (200, True)], order
    Metrics().check()
    return oracle.compare(oracle.facts(wire.messages(), [], [namespace.UPSTREAM]),
                          taps).check()


PORT = 40053  # from which dnsmasq asks
FORGED = 50


def unused(scene):
    """An id that no query has had so far."""
    used = {dns.ident(message.payload) for message in scene.wire.messages()}
    return next(ident for ident in range(1 << 16) if ident not in used)


def test_forged():
    """By somebody who knows the port, but not the id: those that seem to come from
    the upstream are what an attack looks like."""
    command = servers.SERVERS["dnsmasq"].command + f" --query-port={PORT}"
    collector = Collector()
    scene = Scene("dnsmasq", f"dnstap {collector.endpoint} full",
                  variant=servers.variant("dnsmasq", command=command), **SETTING)
    scene.counts_all = False  # below, with what was forged
    mix, answer = load.Mix("forged"), dns.query(0, "host1.test")
    for _ in range(10):
        load.udp(scene.server.addresses[:1], QUERIES // 10, mix)
        answer = dns.HEADER.pack(unused(scene), dns.QR, 1, 0, 0, 0) + answer[12:]
        for source in namespace.UPSTREAM, "192.0.2.7":
            load.spoof((source, 53), (namespace.SERVER4, PORT), answer, FORGED)
    scene.stop(collector)
    row = scene.check(collector.taps())
    metrics = Metrics()
    metrics.check()
    expected = scene.unsolicited() + 10 * FORGED
    assert metrics.dropped["unsolicited"] == expected, metrics.drops()
    return row


FASTOPEN = ("sendto", "sendmsg", "connect")


@each(FASTOPEN)
def test_fastopen(scene):
    """RFC 7413: the query travels in the SYN."""
    with open("/proc/sys/net/ipv4/tcp_fastopen", "w") as setting:
        setting.write(str(0x607))  # asking and answering, without a cookie too
    servers.Running("nsd", address=namespace.UPSTREAM)
    collector, wire = Collector(), Recorder()
    program = host.build("fastopen", f'-DUPSTREAM="{namespace.UPSTREAM}"')
    asking = Process([program, scene], environment=servers.tap_environment(
        f"dnstap {collector.endpoint} full"))
    asking.wait(0)
    wire.quiet()
    assert wire.in_syn, "no SYN carried a query"
    return oracle.compare(oracle.facts(wire.messages(), [], [namespace.UPSTREAM]),
                          collector.taps()).check()
