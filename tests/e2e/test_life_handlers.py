# SPDX-License-Identifier: Apache-2.0
"""A server that answers in signal handlers, also on a small stack of their own: the
library has room on it, calls no malloc(3), and loses no message."""

import re

from harness import cli, control, host, oracle
from harness.collector import Collector
from harness.each import each
from harness.metrics import SETTING

EACH = 40
# Scene: how many are asked, and its exit status.
SCENES = {"all": (EACH, 0), "first": (EACH, 0), "last": (EACH, 7)}


def played(scene, asked, status):
    # Binding a name late takes 3 KiB of the stack, whoever calls it.
    program = host.build("alternate", "-Wl,-z,now")
    running = host.Host(program, scene, **SETTING)
    running.udp(asked)
    running.end(status)
    used = re.findall(r"stack used: (.*)", running.log())
    return running, ", ".join(used)


@each(SCENES)
def test_small(scene):
    running, used = played(scene, *SCENES[scene])
    return f"{running.check()} {used}"


def test_only():
    """There is no other place: nobody starts a tap there, and that is counted."""
    running, _ = played("only", 1, 7)
    lost = re.findall(r"dropped \d+ messages, (\d+) in all: unstarted=(\d+)\n",
                      running.log())
    assert lost and lost[-1] == ("2", "2"), running.log()
    assert not running.collector.taps()


def _reload(pid, *lines):
    with open("/mnt/tap.conf", "w") as file:
        file.write("\n".join(lines))
    cli.good("reload", "-c", "/mnt/tap.conf", pid)


def test_removed():
    """A tap that comes and goes by reloads while there is no place to start it: what
    it has captured is sent as soon as there is one."""
    running = host.Host(host.build("alternate", "-Wl,-z,now"), "between", **SETTING)
    added, pid = Collector(name="added.sock"), running.process.child.pid
    stays = f"dnstap {running.collector.endpoint} full"
    running.udp(1)
    control.tell("status", pid)
    _reload(pid, stays, f"dnstap {added.endpoint} full")
    running.udp(EACH - 2)
    _reload(pid, stays)
    between = running.facts()[2:]
    running.udp(1)
    running.end()
    assert len(between) == 2 * (EACH - 2)
    oracle.compare(between, added.taps()).check()
    return running.check(orderly=False)


@each(("blocked", "nodefer", "thread"))
def test_interrupted(scene):
    """On whatever stack: a handler may have interrupted malloc(3), so the library
    does not call it there, and begins behind it."""
    running = host.Host(host.build("interrupted"), scene, **SETTING)
    running.udp(EACH)
    running.end()
    return running.check()
