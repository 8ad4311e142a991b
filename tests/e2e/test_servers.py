# SPDX-License-Identifier: Apache-2.0
"""Every message of every server, over UDP and TCP, with IPv4 and IPv6 clients,
however the octets of a connection arrive: wire against log."""

from collections import Counter

from harness import load, servers
from harness.collector import Collector
from harness.each import each
from harness.scene import Scene

UDP, TCP = 2000, 300  # queries to each address of a server


@each(servers.SERVERS)
def test_complete(name):
    server = servers.SERVERS[name]
    collector = Collector(port=6000 if server.chroot else None)
    scene = Scene(name, f"dnstap {collector.endpoint} full")
    load.udp(scene.server.addresses, UDP, load.Mix(name, servers.odd(name)))
    if server.tcp:
        load.tcp(scene.server.addresses, TCP,
                 load.Mix(f"{name} tcp", servers.odd(name)))
        load.truncated(scene.server.addresses)
    scene.stop(collector)
    count = Counter(fact.key[0] for fact in scene.facts())
    row = scene.check(collector.taps(orderly=server.lingers))
    del row["messages"]
    return {"over UDP": count["UDP"], "over TCP": count["TCP"], **row}
