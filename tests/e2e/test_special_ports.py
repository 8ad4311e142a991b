# SPDX-License-Identifier: Apache-2.0
"""DNS on other ports: those that are named, and no others."""

from harness import load, namespace, oracle, servers
from harness.collector import Collector
from harness.each import each
from harness.scene import Scene
from harness.wire import Recorder

PORTS = (53, 5353, 8053)
QUERIES = 200  # to each port

# What the setting says, in the environment or as a line of the configuration.
SETTINGS = {
    "other": ({"DNSTAP_PORTS": "5353"}, "", {5353}),
    "several": ({"DNSTAP_PORTS": "53,8053"}, "", {53, 8053}),
    "line": ({}, "ports 5353,8053\n", {5353, 8053}),
    "unset": ({}, "", {53}),
}


def listening_on_all():
    return servers.variant(
        "knotd", ("$v4@53,", "".join(f"$v4@{port}, " for port in PORTS)),
        file="knot.conf")


@each(SETTINGS)
def test_ports(setting):
    environment, line, ports = SETTINGS[setting]
    collector, mix = Collector(), load.Mix(setting)
    wires = {port: Recorder(port) for port in PORTS}
    scene = Scene("knotd", f"{line}dnstap {collector.endpoint} full",
                  variant=listening_on_all(), **environment)
    for port in PORTS:
        asking = load.clients(namespace.SERVER4)
        asking.server = namespace.SERVER4, port
        for _ in range(QUERIES):
            asking.ask([mix.next()])
        asking.close()
    scene.stop()
    expected = [fact for port in PORTS if port in ports
                for fact in oracle.facts(wires[port].messages(),
                                         scene.server.addresses, port=port)]
    return oracle.compare(expected, collector.taps()).check()
