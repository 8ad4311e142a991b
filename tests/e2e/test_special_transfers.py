# SPDX-License-Identifier: Apache-2.0
"""Zones on their way: updates, notifications and transfers, each from both of its
ends, and transfers that take many messages."""

import subprocess
import time
from collections import Counter
from dataclasses import replace

from harness import dns, load, namespace, oracle, servers, zone
from harness.collector import Collector
from harness.each import each
from harness.process import until
from harness.scene import Scene
from harness.wire import Recorder

PRIMARY = servers.variant(
    "named",
    ("notify no; allow-update { none; };",
     "notify explicit; also-notify { $upstream; }; notify-source $v4; "
     "notify-delay 0; notify-rate 1000; allow-update { any; };"),
    file="named.conf")
SECONDARY = servers.variant(
    "nsd", ("    zonefile: $room/zone", """    zonefile: $room/secondary
    request-xfr: %s 127.0.0.11 NOKEY
    allow-notify: 127.0.0.11 NOKEY
    outgoing-interface: $v4
"""), file="nsd.conf")
UPDATES = 5
RECORDS = 3000  # a transfer takes several messages

# How the secondary asks for what has changed, and how the update comes.
TRANSFERS = {"axfr": ("AXFR", []), "ixfr": ("", ["-v"]), "ixfr_udp": ("UDP", [])}


def update(tool, number):
    """RFC 2136: one more record."""
    subprocess.run(tool, check=True, text=True, input=f"""
server {namespace.SERVER4}
zone test
update add new{number}.test 300 A 192.0.2.1
send
""")


class Party:
    """One of the two servers, with the library preloaded, and the other one's
    address."""

    def __init__(self, name, address, other, variant):
        self.collector, self.other = Collector(name=f"{name}.sock"), other
        self.began = time.time_ns()
        self.running = servers.Running(
            name, servers.tap_environment(f"dnstap {self.collector.endpoint} full"),
            address, variant=variant)

    def facts(self, wire):
        """Nothing that came before it listened has reached it."""
        own = self.running.addresses
        return oracle.facts(
            [message for message in wire.messages() if message.time >= self.began
             and (message.source in own or message.target in own)],
            own, [self.other])

    def check(self, wire):
        self.running.stop()
        return oracle.compare(self.facts(wire), self.collector.taps()).check()


def kinds(facts):
    """What kinds of messages there were, and how many; queries only."""
    return Counter(
        KINDS.get((dns.opcode(fact.key[-1]), dns.qtype(fact.key[-1])), "other")
        for fact in facts if not fact.key[3])


KINDS = {(dns.NOTIFY, dns.TYPES["SOA"]): "NOTIFY",
         (dns.UPDATE, dns.TYPES["SOA"]): "UPDATE",
         (dns.QUERY, dns.TYPES["IXFR"]): "IXFR",
         (dns.QUERY, dns.TYPES["AXFR"]): "AXFR"}


@each(TRANSFERS)
def test_secondary(kind):
    """NOTIFY and transfers, each seen from both of its ends."""
    how, flags = TRANSFERS[kind]
    wire = Recorder()
    primary = Party("named", namespace.SERVER4, namespace.UPSTREAM, replace(
        PRIMARY, files={**PRIMARY.files, "zone": zone.master() + "".join(
            f"more{n}.test. IN A 192.0.2.{n % 256}\n" for n in range(RECORDS))}))
    until(lambda: kinds(primary.facts(wire))["NOTIFY"], "the first NOTIFY")
    secondary = Party("nsd", namespace.UPSTREAM, namespace.SERVER4, replace(
        SECONDARY, files={"nsd.conf": SECONDARY.files["nsd.conf"] % how}))
    for number in range(1, UPDATES + 1):
        update(["nsupdate", *flags], number)
        until(lambda: zone.serial(namespace.UPSTREAM) == number + 1, "the transfer")
    wire.quiet()
    seen = kinds(primary.facts(wire))
    assert {"NOTIFY", "UPDATE", "AXFR"} < set(seen), seen
    rows = [party.check(wire) for party in (primary, secondary)]
    return {**{name: seen[name] for name in KINDS.values()},
            **{key: " + ".join(str(row[key]) for row in rows)
               for key in ("messages", "missing", "surplus", "wrong")}}


TRANSFERRING = {
    "named": servers.SERVERS["named"],
    "knotd": servers.variant(
        "knotd", ("zone:\n  - domain: test.",
                  "acl:\n  - id: all\n    action: transfer\n"
                  "zone:\n  - domain: test.\n    acl: all"), file="knot.conf"),
    "nsd": servers.variant("nsd", ("    name: test", "    name: test\n"
                                   "    provide-xfr: 0.0.0.0/0 NOKEY"),
                           file="nsd.conf"),
    "pdns_server": servers.SERVERS["pdns_server"],
    "yadifad": servers.variant("yadifad", ("    file zone", "    file zone\n"
                                           "    allow-transfer any"),
                               file="yadifad.conf"),
}


@each(TRANSFERRING)
def test_transfer(name):
    """A large zone through a socket with little room: the server's writes end
    in the middle of messages, and go on later."""
    with open("/proc/sys/net/ipv4/tcp_wmem", "w") as setting:
        setting.write("4096 8192 8192")
    large = zone.master() + "".join(
        f"more{n}.test. IN A 192.0.2.{n % 256}\n" for n in range(10 * RECORDS))
    server = TRANSFERRING[name]
    collector = Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full",
                  variant=replace(server, files={**server.files, "zone": large}))
    connection = load.Connection(namespace.SERVER4)
    connection.send([load.framed([load.Query(dns.query(1, "test", "AXFR"), True)])])
    records = messages = 0
    while records < 10 * RECORDS:
        answer = connection.answer()
        assert answer, f"{records} records"
        records += int.from_bytes(answer[6:8], "big")
        messages += 1
    connection.drain()
    scene.stop(collector)
    # Of the times only that octets may wait in the server's socket.
    verdict = scene.compare(collector.taps(orderly=server.lingers))
    assert verdict.clean(), verdict.text()
    return {"of the transfer": messages, **verdict.row()}
