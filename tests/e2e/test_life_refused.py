# SPDX-License-Identifier: Apache-2.0
"""A server whose tap gets no thread or no memory: it never waits for that, and
what is lost is counted to the last message, in the log and in the metrics."""

import fcntl
import os
import re
import signal
import tempfile

from harness import host, namespace
from harness.collector import Collector
from harness.each import each
from harness.metrics import SETTING, Metrics
from harness.process import until

EACH = 40
PIDS = range(1, 400)  # of a test's processes, which has a namespace of its own
SHORT = {"threads": "Resource temporarily unavailable",
         "memory": "Cannot allocate memory"}
# What a thread that answers may not do for us.
FILES = {"open", "openat", "openat2", "creat", "write", "rename", "renameat2",
         "unlink", "fchmod", "socket", "connect", "sendmsg"}


def started(thing, **settings):
    os.chmod(namespace.ROOM, 0o777)  # the host is another user
    return host.Host(host.build("refused"), thing, Collector(port=6000),
                     **SETTING, **settings)


def finished(running, orderly=True):
    """Its end. Returns (facts, taps, messages lost as the log has it)."""
    running.process.send(signal.SIGTERM)
    running.end()
    lost = re.findall(r"dropped \d+ messages, (\d+) in all: unstarted=(\d+)\n",
                      running.log())
    assert lost and lost[-1][0] == lost[-1][1], running.log()
    return running.facts(), running.collector.taps(), int(lost[-1][1])


def said(running, thing):
    """The line about it, once."""
    line = f"not started: {SHORT[thing]}; trying again every second"
    assert running.log().count(line) == 1, running.log()
    assert running.log().count("not started") == 1, running.log()


@each(SHORT)
def test_for_good(thing):
    running = started(thing)
    running.udp(3 * EACH)
    facts, taps, lost = finished(running)
    said(running, thing)
    metrics = Metrics()
    metrics.check()
    assert not taps and lost == len(facts) == 6 * EACH, (len(taps), lost, len(facts))
    assert metrics.drops() == {"unstarted": lost}, metrics.dropped
    assert metrics.count["captured_total"] == lost


@each(SHORT)
def test_granted(thing):
    """It begins as soon as it can, and tells what was lost until then."""
    running = started(thing, GRANTED="1")
    running.udp(EACH)

    def begun():
        running.udp(1)
        return running.collector.frames

    until(begun, "the tap's beginning")
    running.udp(EACH)
    facts, taps, lost = finished(running)
    said(running, thing)
    metrics = Metrics()
    metrics.check()
    assert lost >= 2 * EACH and len(taps) >= 2 * EACH
    assert len(taps) + lost == len(facts), (len(taps), lost, len(facts))
    assert metrics.drops() == {"unstarted": lost}, metrics.dropped
    assert metrics.count["captured_total"] == len(facts)
    return f"{len(taps)} logged, {lost} counted"


class Pids:
    """A control group whose processes and threads are one in all. `directory` is
    None where none can be made."""

    def __init__(self):
        self.directory = None
        for root in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup"):  # version 1, 2
            try:
                made = tempfile.mkdtemp(prefix="dnstapshim-", dir=root)
            except OSError:
                continue
            if os.path.exists(f"{made}/pids.max"):
                self.directory = made
                break
            os.rmdir(made)

    def allow(self, most):
        with open(f"{self.directory}/pids.max", "w") as file:
            file.write(most)

    def through(self):
        return ("sh", "-c", f'echo $$ > {self.directory}/cgroup.procs && exec "$@"',
                "sh")

    def end(self):
        """Once those in it are reaped."""
        until(lambda: not open(f"{self.directory}/cgroup.procs").read(), "its end")
        os.rmdir(self.directory)


@each(("for_good", "granted"))
def test_pids(which):
    """What a service's TasksMax= is to the kernel."""
    group = Pids()
    if not group.directory:
        return "skipped: no control group that counts processes can be made here"
    try:
        group.allow("1")
        return limited(group, which == "granted")
    finally:
        group.end()


def limited(group, granted):
    running = host.Host(host.build("refused"), "pids", Collector(port=6000),
                        through=group.through(), **SETTING)
    running.udp(2 * EACH)
    if granted:
        group.allow("max")
        until(lambda: running.udp(1) or running.collector.frames, "the beginning")
        running.udp(EACH)
    facts, taps, lost = finished(running)
    said(running, "threads")
    metrics = Metrics()
    metrics.check()
    assert lost >= 4 * EACH and bool(taps) == granted
    assert len(taps) + lost == len(facts), (len(taps), lost, len(facts))
    assert metrics.drops() == {"unstarted": lost}, metrics.dropped
    assert metrics.count["captured_total"] == len(facts)
    return f"{len(taps)} logged, {lost} counted"


def calls(log):
    """The system calls of each thread while the server answers."""
    with open(log) as trace:
        lines = trace.read().splitlines()
    first = next(at for at, line in enumerate(lines) if " recvmsg(" in line)
    last = max(at for at, line in enumerate(lines) if " sendto(" in line)
    return {re.match(r"\d+ +(\w+)", line)[1] for line in lines[first:last]
            if re.match(r"\d+ +\w+\(", line)}


def test_no_files():
    """Whatever lies at the names of its metrics: the thread that answers does not
    open it, nor anything else."""
    for pid in PIDS:
        os.mkfifo(f"{namespace.ROOM}/counts.{pid}.new", 0o666)
    os.mkfifo(f"{namespace.ROOM}/counts", 0o666)
    os.chmod(namespace.ROOM, 0o777)
    running = host.Host(host.build("refused"), "threads", Collector(port=6000),
                        through=("strace", "-f", "-o", "/mnt/strace.log"),
                        DNSTAP_METRICS=f"{namespace.ROOM}/counts")
    running.udp(EACH)

    def retried():
        running.udp(1)
        with open("/mnt/strace.log") as trace:
            return trace.read().count("= -1 EAGAIN") >= 3

    until(retried, "another attempt")
    pid, = (int(line.split()[0]) for line in open("/mnt/strace.log").readlines()[:1])
    os.kill(pid, signal.SIGTERM)
    running.end()
    done = calls("/mnt/strace.log")
    assert {"recvmsg", "sendto"} <= done and not done & FILES, done
    with open(f"{namespace.ROOM}/counts") as file:  # which it has replaced
        assert re.search(rf'cause="unstarted",.*}} {len(running.facts())}\n', file.read())


def test_no_reader():
    """Standard error is a pipe that is full: nobody waits for it."""
    os.mkfifo("/mnt/pipe", 0o666)
    pipe = os.open("/mnt/pipe", os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
    assert os.write(pipe, b"x" * 4096) == 4096
    os.chmod(namespace.ROOM, 0o777)
    running = host.Host(host.build("refused"), "threads", Collector(port=6000),
                        through=("sh", "-c", 'exec "$@" 2>/mnt/pipe', "sh"), **SETTING)
    running.udp(3 * EACH)
    running.process.send(signal.SIGTERM)
    running.end()
    assert os.read(pipe, 8192) == b"x" * 4096
    assert Metrics().drops() == {"unstarted": len(running.facts())}
