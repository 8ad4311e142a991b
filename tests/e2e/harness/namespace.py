# SPDX-License-Identifier: Apache-2.0
"""A test's own machine: network, process ids and mounts.

Each test is process 1 of new namespaces, so port 53 is free, tests run beside
each other, and whatever a test leaves behind ends with it.
"""

import subprocess

SERVER4, SERVER6 = "127.0.0.11", "fd00::53"
UPSTREAM, UPSTREAM6 = "127.0.0.99", "fd00::99"
NOWHERE = "192.0.2.1"  # packets to it vanish
CLIENTS4 = ["127.0.0.1", "127.0.0.77"]
CLIENTS6 = ["::1", "fd00::77"]
ROOM = "/mnt"  # a test's directory, under a path short enough for unix sockets


def command(inner):
    """The command that runs `inner` in namespaces of its own."""
    return ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
            "--mount-proc", "--", *inner]


def prepare(directory):
    """Called first in the namespaces: mounts the room, brings loopback up."""
    steps = [["mount", "--bind", str(directory), ROOM],
             ["ip", "link", "set", "lo", "up"]]
    for address in SERVER4, UPSTREAM, CLIENTS4[1]:
        steps.append(["ip", "address", "add", address + "/8", "dev", "lo"])
    for address in SERVER6, UPSTREAM6, CLIENTS6[1]:
        steps.append(["ip", "address", "add", address + "/128", "dev", "lo", "nodad"])
    steps.append(["ip", "route", "add", NOWHERE + "/32", "dev", "lo"])
    for step in steps:
        subprocess.run(step, check=True)
