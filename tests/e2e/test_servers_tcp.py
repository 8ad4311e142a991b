# SPDX-License-Identifier: Apache-2.0
"""Every TCP message of every server, however its octets arrive, and every
message over UDP that comes with it: wire against log."""

from harness import load, servers
from harness.collector import Collector
from harness.each import each
from harness.scene import Scene

QUERIES = 300  # to each address of a server


@each(name for name, server in servers.SERVERS.items() if server.tcp)
def test_complete(name):
    collector = Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full")
    load.tcp(scene.server.addresses, QUERIES, load.Mix(name))
    scene.stop(collector)
    return scene.check(collector.taps(orderly=servers.SERVERS[name].lingers))
