# SPDX-License-Identifier: Apache-2.0
"""A server that gives up its rights, before its first message or behind it, is
neither hindered nor ended, and its log is complete as far as it lets us."""

import os
import re
import signal

from harness import cli, host
from harness.collector import Collector
from harness.each import each
from harness.metrics import SETTING, Metrics
from harness.namespace import ROOM
from harness.process import until

EACH = 40
SCENES = ("user", "user_ids", "capabilities", "chroot", "data", "files", "files_used",
          "files_high", "no_resources", "no_close_range",
          "no_close_range_many_files", "no_unshare", "no_tgkill",
          "no_signalfd", "no_madvise", "no_unix_sockets")


@each(f"{scene}.{when}" for scene in SCENES for when in ("before", "behind")
      if (scene, when) != ("data", "behind"))
def test_complete(which):
    scene, when = which.split(".")
    running = host.Host(host.build("confine"), scene, Collector(port=6000), WHEN=when)
    running.udp(EACH * (1 + (when == "behind")))
    running.end()
    return running.check()


def test_short_of_memory():
    """A limit on memory that comes while a tap begins, when it has its queue: it has
    got the rest by then, or never will."""
    running = host.Host(host.build("confine"), "data", Collector(port=6000),
                        WHEN="behind", **SETTING)
    running.udp(2 * EACH)
    running.end()
    counted = Metrics()
    counted.check()
    logged, crossed = len(running.collector.taps()), len(running.facts())
    assert logged + sum(counted.drops().values()) == crossed == 4 * EACH, counted.drops()
    return f"{logged} logged, {crossed - logged} counted"


@each(("no_tgkill.before", "no_tgkill.behind", "no_signalfd.before"))
def test_unwoken(which):
    """What nobody can wake looks for itself, and does not rest for long: a tap
    that can be woken goes to sleep for a second, then for two."""
    scene, when = which.split(".")
    running = host.Host(host.build("confine"), scene, Collector(port=6000), WHEN=when)
    asked = EACH // 2 + EACH * (when == "behind")
    running.udp(asked)
    running.collector.wait(2 * asked)
    assert running.sleeps(3) > 10
    running.udp(EACH // 2)
    running.collector.wait(2 * asked + EACH)
    running.end()
    return running.check()


def test_no_unix_sockets():
    """The log says why there is no connection."""
    running = host.Host(host.build("confine"), "no_unix_sockets", WHEN="before")
    running.udp(EACH)
    running.end()
    assert "RestrictAddressFamilies" in running.log(), running.log()


# What a filter of the host's own ends the process for, and what can be logged
# under it: "all", or nothing BEFORE the first message, or nothing behind a filter
# for ALL threads either ("both"), or nothing behind one for this thread ("any").
# What is not logged is counted.
KILLED = {"tgkill": "all", "getsockname": "all", "socketpair": "all", "open": "all",
          "tables": "all", "thread_calls": "all", "socket": "both",
          "clone": "before", "futex": "any", "ppoll": "both"}


@each(f"{call}.{when}.{threads}" for call in KILLED for when in ("before", "behind")
      for threads in ("one", "all"))
def test_killed(which):
    """The library makes no call that the filter is against."""
    call, when, threads = which.split(".")
    running = host.Host(host.build("confine"), f"kill_{call}", Collector(port=6000),
                        WHEN=when, TSYNC="1" if threads == "all" else "")
    running.udp(EACH * (1 + (when == "behind")))
    running.end()
    taps = running.collector.taps(orderly=False)
    lost = sum(map(int, re.findall(r"dropped (\d+) messages", running.log())))
    logged = (2 * EACH if when == "behind" else 0)
    if (KILLED[call] == "all" or when == "behind"
            and (KILLED[call] == "before"
                 or KILLED[call] == "both" and threads == "one")):
        return running.check(orderly=False)
    assert len(taps) == logged, len(taps)
    assert logged + lost == len(running.facts()), (logged, lost)
    return f"{logged} logged, {lost} counted"


def leave_dead(directory):
    """What a process of the same name could not send to port 6000 before it was killed.
    It is not asked for its wire."""
    os.mkdir(directory)
    killed = host.Host(host.build("crash", to="killed/confine"), "served",
                       DNSTAP_CONFIG="dnstap tcp://127.0.0.1:6000 full",
                       DNSTAP_RECORDER=directory)
    killed.udp(EACH)
    path = f"{directory}/confine.{killed.process.child.pid}.1"
    until(lambda: len(cli.run("recover", "--live", "-q", path).stdout.splitlines())
          == 2 * EACH, "the recorder")
    killed.process.stop(signal.SIGKILL)


@each(f"{call}.{when}.{threads}" for call in ("pread", "getdents")
      for when in ("before", "behind") for threads in ("one", "all"))
def test_killed_with_recorder(which):
    """Nor where there is a dead process whose messages would be sent. They are, or
    they wait for another."""
    call, when, threads = which.split(".")
    recorders = f"{ROOM}/recorders"
    leave_dead(recorders)
    running = host.Host(host.build("confine"), f"kill_{call}", Collector(port=6000),
                        WHEN=when, TSYNC="1" if threads == "all" else "",
                        DNSTAP_RECORDER=recorders)
    asked = EACH // 2 + EACH * (when == "behind")
    running.udp(asked)
    running.collector.wait(2 * asked)  # the dead one's came first, if at all
    running.udp(EACH // 2)
    running.end()
    logged = len(running.collector.taps(orderly=False))
    waits = cli.run("recover", "-q", recorders).stdout.splitlines()
    assert logged + len(waits) == len(running.facts()) + 2 * EACH, (logged, waits)
    return f"{logged} logged, {len(waits)} wait"
