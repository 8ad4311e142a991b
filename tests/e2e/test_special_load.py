# SPDX-License-Identifier: Apache-2.0
"""As many queries as the machine bears: each message is in the log, or counted
under the cause for which it is not."""

import re
import signal
import subprocess

from harness import dnstap, namespace, servers
from harness.collector import FstrmCapture
from harness.each import each
from harness.metrics import SETTING, Metrics
from harness.process import until
from harness.wire import Counter
from harness.zone import NAMES

QUERIES = 120_000
TYPES = ("A", "AAAA", "MX", "TXT")


def dnsperf(address):
    """At full speed, 100 queries under way."""
    lines = [f"{name} {kind}\n" for name in NAMES for kind in TYPES]
    with open(f"{namespace.ROOM}/queries", "w") as file:
        file.writelines((lines * (QUERIES // len(lines) + 1))[:QUERIES])
    return subprocess.Popen(
        ["dnsperf", "-s", address, "-d", f"{namespace.ROOM}/queries", "-n", "1",
         "-c", "10", "-q", "100"], stdout=subprocess.PIPE, text=True)


def stall(server, collector):
    """The collector stops in the middle of it all, until the queue has
    overflown."""
    until(lambda: "connected" in server.process.output(), "a connection")
    collector.send(signal.SIGSTOP)
    until(lambda: "queue_full=" in server.process.output(), "a full queue")
    collector.send(signal.SIGCONT)


# Server, and what happens to the collector meanwhile.
SCENES = {"knotd": ("knotd", None), "nsd": ("nsd", None), "named": ("named", None),
          "knotd-stalled": ("knotd", stall)}


@each(SCENES)
def test_accounted(scene):
    name, meanwhile = SCENES[scene]
    wire, collector = Counter(), FstrmCapture()
    server = servers.Running(name, servers.tap_environment(
        f"dnstap {collector.endpoint} full", **SETTING))
    asking = dnsperf(server.addresses[0])
    if meanwhile:
        meanwhile(server, collector)
    said, _ = asking.communicate()
    asked, answered = map(int, re.search(
        r"Queries sent: +(\d+)\s+Queries completed: +(\d+)", said).groups())
    speed = float(re.search(r"Queries per second: +([\d.]+)", said)[1])
    until(lambda: not any(waiting for _, waiting, _ in servers.udp_sockets()),
          "the server does not read")
    overflown = sum(lost for _, _, lost in servers.udp_sockets())
    server.stop()
    metrics, frames = Metrics(), collector.frames()
    metrics.check()
    assert metrics.count["captured_total"] + overflown == wire.count()
    assert metrics.count["sent_total"] == len(frames) == len(set(frames))
    assert set(metrics.drops()) <= {"queue_full"}, metrics.drops()
    assert metrics.drops() or not meanwhile, "the queue held all of it"
    for frame in frames[::100]:
        dnstap.decode(frame)
    return {"asked": asked, "answered": answered, "per second": round(speed),
            "on the wire": wire.packets, "never read": overflown,
            "captured": metrics.count["captured_total"],
            "sent": metrics.count["sent_total"],
            "dropped": ", ".join(f"{count} {cause}" for cause, count
                                 in metrics.drops().items()) or 0}
