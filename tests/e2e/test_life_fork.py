# SPDX-License-Identifier: Apache-2.0
"""However a process divides, each message is logged once, by the process that
it passed through, and none is lost where a parent ends in the background."""

from harness import host
from harness.each import each
from harness.metrics import SETTING

# What the clients ask in each scene of host/fork.c.
UDP = {"fork": 120, "bare_fork": 120, "clone": 120, "exit": 80, "vfork": 40,
       "spawn": 40, "daemon": 80, "workers": 160, "threads": 1600}
RULERS = {"ruler": 40, "ruler_beside": 40, "rulers_parent": 80}
TCP = {"vfork_tcp": 40, "connections": 40}


def played(scene, through=()):
    return host.Host(host.build("fork"), scene, through=through, **SETTING)


@each(UDP)
def test_udp(scene):
    running = played(scene)
    running.udp(UDP[scene])
    running.end()
    return running.check()


@each(f"{scene}.{parent}" for scene in RULERS for parent in ("first", "other"))
def test_namespace(which):
    """A child that is process 1 of a namespace of process ids, in the memory of
    one that may be so as well, takes nothing of its parent's for its own."""
    scene, parent = which.split(".")
    through = (("unshare", "--pid", "--fork", "--kill-child") if parent == "first"
               else ())
    running = played(scene, through)
    running.udp(RULERS[scene])
    running.end()
    return running.check()


@each(TCP)
def test_tcp(scene):
    running = played(scene)
    running.tcp(TCP[scene])
    running.end()
    return running.check()
