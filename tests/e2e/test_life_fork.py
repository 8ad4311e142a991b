# SPDX-License-Identifier: Apache-2.0
"""However a process divides, each message is logged once, by the process that
it passed through, and none is lost where a parent ends in the background."""

from harness import host
from harness.each import each

# What the clients ask in each scene of host/fork.c.
UDP = {"fork": 120, "bare_fork": 120, "clone": 120, "exit": 80, "vfork": 40,
       "spawn": 40, "daemon": 80, "workers": 160, "threads": 1600}
TCP = {"vfork_tcp": 40, "connections": 40}


def played(scene):
    return host.Host(host.build("fork"), scene)


@each(UDP)
def test_udp(scene):
    running = played(scene)
    running.udp(UDP[scene])
    running.end()
    return running.check()


@each(TCP)
def test_tcp(scene):
    running = played(scene)
    running.tcp(TCP[scene])
    running.end()
    return running.check()
