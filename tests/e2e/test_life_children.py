# SPDX-License-Identifier: Apache-2.0
"""dnsmasq has a child for each TCP connection, and no more than twenty of them: a
collector that is silent holds up none of those that end."""

import re

from harness import load, namespace
from harness.collector import Collector
from harness.metrics import SETTING, Metrics
from harness.scene import Scene

CONNECTIONS = 50
LOG = f"{namespace.ROOM}/tap.log"


def connect(scene, seed):
    """One query each; a client waits until the server has closed."""
    load.tcp(scene.server.addresses[:1], CONNECTIONS, load.Mix(seed, odd=0), batch=1)
    return scene.settle()


def lost():
    """dnsmasq has closed standard error. On a busy machine some that could be heard
    run out of time, too."""
    with open(LOG) as log:
        return sum(map(int, re.findall(r"dropped (\d+) messages", log.read())))


def test_silent():
    """However long a process may be held up at its end, these are not. What they
    had to say is counted; once the collector listens it hears all again."""
    collector = Collector()
    collector.pause()
    # As long as no child is patient enough for, nor a client.
    scene = Scene("dnsmasq", f"dnstap {collector.endpoint} full",
                  DNSTAP_EXIT_MS="60000", DNSTAP_LOG=LOG, **SETTING)
    silent = connect(scene, "silent")
    unheard = lost()
    collector.resume()
    collector.wait(silent - unheard)
    load.udp(scene.server.addresses, 10, load.Mix("heard", odd=0))
    collector.wait(scene.settle() - unheard)
    connect(scene, "heard")
    scene.stop()
    facts, metrics = scene.facts(), Metrics()
    metrics.check()
    assert unheard >= 2 * CONNECTIONS - 8, unheard
    assert metrics.drops() == {"endpoint": lost()}, (metrics.dropped, lost())
    assert lost() < 2 * unheard, "not heard again"
    assert metrics.count["captured_total"] == len(facts)
    taps = collector.taps(orderly=False)
    assert metrics.count["sent_total"] == len(taps) == len(facts) - lost()
    verdict = scene.compare(taps)
    assert not verdict.surplus and len(verdict.missing) == lost(), verdict.text()
    return f"{lost()} of {len(facts)} messages counted"
