# SPDX-License-Identifier: Apache-2.0
"""Every UDP message of every server, over IPv4 and IPv6: wire against log."""

from harness import load, servers
from harness.collector import Collector
from harness.each import each
from harness.scene import Scene

QUERIES = 2000  # to each address of a server


@each(servers.SERVERS)
def test_complete(name):
    server = servers.SERVERS[name]
    collector = Collector(port=6000 if server.chroot else None)
    scene = Scene(name, f"dnstap {collector.endpoint} full", ["UDP"])
    load.udp(scene.server.addresses, QUERIES, load.Mix(name))
    scene.stop(collector)
    return scene.check(collector.taps(orderly=server.lingers))
