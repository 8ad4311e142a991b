# SPDX-License-Identifier: Apache-2.0
"""A server that becomes another program, or tries to: what it has captured is
logged before, or counted, and one that stays goes on."""

import re

from harness import host, namespace
from harness.collector import Collector
from harness.each import each
from harness.process import PATH, until

EACH = 40
BECOMING = ("execve", "execv", "execvp", "execvpe", "execl", "execlp", "execle",
            "fexecve", "execveat", "syscall", "syscall_at", "thread")
# scene → connections that it takes
STAYING = {"absent": 1, "malformed": 2, "child": 1, "libc": 1}


def play(scene, collector=None):
    return host.Host(host.build("exec"), scene, collector,
                     PATH=f"/nowhere:{namespace.ROOM}:{PATH}")


@each(BECOMING)
def test_becomes(scene):
    running = play(scene)
    running.udp(EACH * (2 + (scene == "thread")))
    running.end()
    assert len(running.collector.connections) == 2
    return running.check()


@each(STAYING)
def test_stays(scene):
    """Only where it might well have become another is its tap begun anew."""
    running = play(scene)
    running.udp(2 * EACH)
    running.end()
    assert len(running.collector.connections) == STAYING[scene]
    return running.check()


def test_silent():
    """What could not be sent before is counted, by the program that was."""
    collector = Collector()
    collector.pause()
    running = play("execv", collector)
    running.udp(EACH)
    lost = until(lambda: re.findall(r"dropped (\d+) messages", running.log()), "a line")
    collector.resume()
    running.udp(EACH)
    running.end()
    assert list(map(int, lost)) == [2 * EACH], lost
    taps = collector.taps(orderly=False)
    assert len(taps) == len(running.facts()) - 2 * EACH
