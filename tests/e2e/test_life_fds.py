# SPDX-License-Identifier: Apache-2.0
"""The host does with all fds what it wants. It neither reaches nor sees the
library's, and the library reaches none of the host's."""

import ctypes
import glob
import os
import platform

from harness import host
from harness.collector import Collector
from harness.each import each

EACH = 40
ACTS = ("closefrom", "close_range", "close_range_raw", "close", "close_raw", "dup2",
        "dup3_raw", "use_up", "list", "walk", "high", "highest", "stderr_reused")
# Which of the ways to an fd table of one's own are refused.
REFUSED = ("none", "one", "both")
# Where the table is shared, the library's fds are seen, and one that the host
# puts a file in its place is lost: messages are not, the connection is.
SHARED = {"list", "dup2", "dup3_raw", "use_up"}


def played(act, refused, **how):
    running = host.Host(host.build("fds"), act, Collector(port=6000), REFUSED=refused,
                        **how)
    for turn in range(1, 5):
        running.udp(EACH)
        running.collector.wait(2 * EACH * turn)  # connected before the next act
    return running


@each(f"{act}.{refused}" for act in ACTS for refused in REFUSED
      if not (refused == "both" and act in SHARED))
def test_survives(which):
    act, refused = which.split(".")
    running = played(act, refused)
    running.end()
    assert len(running.collector.connections) == 1, "it has connected again"
    return running.check()


def test_reused():
    """A file that gets the number of a socket is none, whoever closed that."""
    running = host.Host(host.build("fds"), "reuse", Collector(port=6000),
                        REFUSED="none")
    running.udp(4 * EACH + 6)
    running.end()
    return running.check()


KCMP = {"x86_64": 312, "aarch64": 272}[platform.machine()]
KCMP_FILES = 2


def shares_fds(one, other):
    """Have these two threads the same fd table?"""
    libc = ctypes.CDLL(None, use_errno=True)
    order = libc.syscall(KCMP, int(one), int(other), KCMP_FILES, 0, 0)
    assert order >= 0, os.strerror(ctypes.get_errno())
    return order == 0


def test_tables():
    """The resolver's thread has the host's fds, with which modules of the name
    service may keep theirs; the tap's thread has its own."""
    collector = Collector(port=6000)
    collector.endpoint = "tcp://localhost:6000"
    running = host.Host(host.build("fds"), "list", collector, REFUSED="none")
    running.udp(EACH)
    collector.wait(2 * EACH)
    host_id = str(running.process.child.pid)
    ours = [task.split("/")[4] for task in glob.glob(f"/proc/{host_id}/task/*/comm")
            if open(task).read() == "dnstapshim\n"]
    shared = [task for task in ours if shares_fds(task, host_id)]
    assert len(ours) == 2 and len(shared) == 1, (ours, shared)
    running.udp(3 * EACH)
    running.end()
    return running.check()


# A table of one's own is refused, and close_range(2) of any but the library's is not.
@each(("dup2_vfork.both", "close_one_range.but_close_range"))
def test_shared(which):
    """Nor where they have one table does the host reach the library's."""
    return test_survives(which)


@each(("dup2", "dup3_raw"))
def test_replaced(act):
    """The host may take the number, and loses nothing of what it puts there."""
    running = played(act, "both")
    running.end()
    return running.check(orderly=False)


@each(("0", "1", "2", "012"))
def test_closed_at_exec(which):
    """What the host opens gets the numbers of the standard streams."""
    closing = "exec " + " ".join(f"{fd}>&-" for fd in which)
    running = played("no_stdio", "none", through=("sh", "-c", f'{closing} "$@"', "sh"))
    running.end()
    return running.check()
