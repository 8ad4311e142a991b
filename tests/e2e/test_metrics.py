# SPDX-License-Identifier: Apache-2.0
"""The metrics file: true at every moment, for a tap whose collector stalls and
for one whose collector lives."""

import glob
import os
import shutil
import signal
import subprocess

from harness import load, namespace, servers
from harness.collector import Collector
from harness.metrics import SETTING, Metrics
from harness.process import until
from harness.wire import Counter

STALLED, LIVING = range(2)
ROUND = 400  # queries to each address
QUEUE = 10_000
OTHERS = 5
GROWING = ("captured_total", "sent_total", "sent_bytes_total", "skipped_total")


class File:
    """The one that the server writes, every ten seconds."""

    def __init__(self):
        self.path, = until(lambda: glob.glob(f"{namespace.ROOM}/metrics.*[0-9]"),
                           "a metrics file")
        self.taps = None
        self.look()

    def changed(self):
        return os.stat(self.path).st_mtime_ns != self.shown

    def look(self):
        """Each file is sound by itself, and nothing that only grows shrinks."""
        before, self.shown = self.taps, os.stat(self.path).st_mtime_ns
        self.taps = [Metrics(STALLED), Metrics(LIVING)]
        for tap, metrics in enumerate(self.taps):
            metrics.add_up()
            for name in GROWING if before else ():
                assert metrics.count[name] >= before[tap].count[name], name
        return self.taps

    def next(self):
        until(self.changed, "another metrics file")
        return self.look()


def promtool(path):
    """What Prometheus itself makes of it, where it is installed."""
    if shutil.which("promtool"):
        with open(path) as file:
            done = subprocess.run(["promtool", "check", "metrics"], stdin=file,
                                  capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def overload(server, file):
    """More than the queue holds, and on until a file is written meanwhile."""
    mix = load.Mix("metrics", odd=0)
    asked = 0
    while asked < QUEUE or not file.changed():
        load.udp(server.addresses, ROUND, mix)
        asked += ROUND * len(server.addresses)
    file.look()


def test_under_load():
    """At rest, what crossed the wire is what each tap's file says it captured:
    the living one sent it all, the stalled one has the rest queued or dropped."""
    wire, stalled, living = Counter(), Collector(), Collector(name="living.sock")
    server = servers.Running("knotd", servers.tap_environment(
        f"dnstap {stalled.endpoint} full\ndnstap {living.endpoint} full", **SETTING))
    stalled.wait(1)
    stalled.pause()
    file = File()
    overload(server, file)
    count = wire.count()  # load.udp has had every answer
    one, other = file.next()
    promtool(file.path)
    for metrics in one, other:
        assert metrics.count["captured_total"] == count, (metrics.count, count)
        assert metrics.count["up"] == 1
    assert other.count["sent_total"] == count and not other.drops()
    assert one.count["queued"] >= QUEUE // 2 and set(one.drops()) == {"queue_full"}
    stalled.reading.set()
    server.stop()
    one, other = file.look()
    for collector, metrics in (stalled, one), (living, other):
        metrics.check()
        collector.wait(metrics.count["sent_total"])
        assert metrics.count["sent_total"] == len(collector.frames)
    return (f"{count} messages, {one.dropped['queue_full']} of them dropped "
            "by the stalled tap")


def test_one_tap_ends():
    """The others of its process go on: no other process takes over what they count."""
    wire, stalled, living = Counter(), Collector(), Collector(name="living.sock")
    setting = servers.tap_environment(
        "\n".join([f"dnstap {stalled.endpoint} full"]
                  + OTHERS * [f"dnstap {living.endpoint} full"]),
        DNSTAP_EXIT_MS="60000", **SETTING)
    first = servers.Running("knotd", setting)
    load.udp(first.addresses, ROUND, load.Mix("settled", odd=0))
    stalled.pause()
    load.udp(first.addresses, 10 * ROUND, load.Mix("stalled", odd=0))
    first.process.send(signal.SIGTERM)
    for _, thread in until(lambda: len(living.connections) == OTHERS and living.connections,
                           "the other taps"):
        until(lambda: not thread.is_alive(), "the other taps have ended")
    second = servers.Running("knotd", setting, "127.0.0.12")
    load.udp(second.addresses, ROUND, load.Mix("second", odd=0))
    until(lambda: len(glob.glob(f"{namespace.ROOM}/metrics.*[0-9]")) == 2, "a file each")
    assert first.process.alive()
    stalled.resume()
    first.process.wait()
    second.stop()
    count = wire.count()
    for tap in range(OTHERS + 1):
        metrics = Metrics(tap)
        metrics.check()
        assert not metrics.drops(), metrics.dropped
        assert metrics.count["sent_total"] == count, (tap, metrics.count, count)
    assert len(living.frames) == OTHERS * count and len(stalled.frames) == count
    return f"{count} messages, to {OTHERS + 1} taps of two processes"
