# SPDX-License-Identifier: Apache-2.0
"""However a process ends, what it has captured is in the log, its exit status is
its own, and it ends in time whatever the collector does."""

import glob
import os
import pathlib
import re
import signal
import socket
import threading
import time

from harness import dns, host, namespace, servers
from harness.collector import Collector
from harness.each import each
from harness.metrics import SETTING, Metrics
from harness.process import Process, until

COUNT = 40
# The exit status of each scene of host/end.c.
ENDS = {"return": 0, "exit": 3, "_exit": 4, "_Exit": 5, "quick_exit": 6,
        "syscall": 7, "abort": -signal.SIGABRT, "atexit": 8, "handler": 9,
        "anywhere": 10, "threads": 11, "last_thread": 0, "twice": 13,
        "unload": 14, "raise": -signal.SIGHUP, "vfork": 17,
        "once": -signal.SIGTERM,
        "restored": -signal.SIGTERM, "restored_by_number": -signal.SIGINT}
NUMBERS = {"SIGHUP": signal.SIGHUP, "SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM}


def asked(scene, collector=None, through=(), **settings):
    running = host.Host(host.build("end"), scene, collector, through, **SETTING,
                        **settings)
    running.udp(COUNT + (scene in ("atexit", "last_thread")))
    return running


@each(ENDS)
def test_complete(scene):
    running = asked(scene)
    running.end(ENDS[scene])
    return running.check()


def handled(pid):
    """Of which signals something else than the kernel takes care: proc(5)."""
    with open(f"/proc/{pid}/status") as status:
        bits = int(re.search(r"SigCgt:\t(\w+)", status.read())[1], 16)
    return {name for name, number in NUMBERS.items() if bits & 1 << number - 1}


@each(NUMBERS)
def test_default_action(name):
    """The signal has its way when all is sent."""
    running = asked("terminate")
    running.process.send(NUMBERS[name])
    running.end(-NUMBERS[name])
    return running.check()


def test_traces():
    """From the first message on, in proc(5) only."""
    running = host.Host(host.build("end"), "terminate", **SETTING)
    running.bound()
    pid = running.process.child.pid
    assert not handled(pid)
    running.udp(COUNT)
    assert handled(pid) == set(NUMBERS)
    running.process.send(signal.SIGTERM)
    running.end(-signal.SIGTERM)


@each(("SIGTERM", "SIGINT"))
def test_second_signal(name):
    """Nobody waits any longer; the process has ended by the first. That one may come
    several times in the same moment."""
    running = asked("terminate", Collector(answers=False), DNSTAP_EXIT_MS="60000")
    child, began = running.process.child, time.monotonic()
    running.process.send(signal.SIGTERM)
    until(lambda: child.poll() is not None or child.send_signal(NUMBERS[name]), "its end")
    assert child.poll() == -signal.SIGTERM, child.poll()
    took = time.monotonic() - began
    assert took < LATE, f"{took:.2f} s"


def blocked(pid):
    """Of which signals the process's first thread wants to know nothing."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"SigBlk:\t(\w+)", status.read())[1], 16)


def test_no_handler():
    """From the first signal on the host's handlers have no say."""
    running = asked("handled", Collector(answers=False), DNSTAP_EXIT_MS="5000")
    running.process.send(signal.SIGTERM)
    until(lambda: blocked(running.process.child.pid), "the end")
    running.process.send(signal.SIGINT)
    running.end(-signal.SIGTERM)


def test_same_moment():
    """What timeout(1) and others send twice is one stop."""
    took = 1
    while took > 0.02:  # seconds; not what is measured here
        running = asked("terminate")
        began = time.monotonic()
        for _ in range(20):
            running.process.send(signal.SIGTERM)
        took = time.monotonic() - began
        running.end(-signal.SIGTERM)
    return running.check()


def test_late():
    """A thread has its message from the kernel, but not the processor: it is waited
    for."""
    slow = host.build("slow", "-shared", "-fPIC", to="slow.so")
    running = asked("served", LD_PRELOAD=f"{servers.LIBRARY}:{slow}", DNSTAP_EXIT_MS="60000")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(dns.query(1, "slow"), (namespace.SERVER4, 53))
    until(lambda: "taken" in running.log(), "the query")
    running.process.send(signal.SIGTERM)
    running.end(-signal.SIGTERM)
    return running.check()


# The system calls by which host/end.c may come to wait for a query.
RECEIVING = {"x86_64": (45, 47), "aarch64": (207, 212)}[os.uname().machine]


def receiving(pid):
    """The threads that wait for one."""
    calls = [pathlib.Path(task, "syscall").read_text().split()[0]
             for task in glob.glob(f"/proc/{pid}/task/*")]
    return [call for call in calls if call in map(str, RECEIVING)]


def test_nobody_waits():
    """No message is taken from the kernel any more by a thread that has waited for it
    since before the signal: nobody would have it, and nobody would log it."""
    running = asked("served", Collector(answers=False), DNSTAP_EXIT_MS="60000")
    pid = running.process.child.pid
    until(lambda: len(receiving(pid)) == 3, "the threads")
    running.process.send(signal.SIGTERM)
    until(lambda: running.process.alive() and not receiving(pid), "their leave")
    until(lambda: running.process.child.poll() or running.process.send(signal.SIGTERM),
          "its end")
    running.end(-signal.SIGTERM)


def test_computing():
    """For a thread that never rests nobody waits for ever."""
    running = asked("computing")
    running.process.send(signal.SIGTERM)
    running.end(-signal.SIGTERM)
    return running.check()


def test_jumped():
    """A thread that has jumped out of a call is not waited for."""
    running = asked("jumped", DNSTAP_EXIT_MS="60000")
    until(lambda: "waiting" in running.log(), "the jump")
    running.process.send(signal.SIGTERM)
    took = running.process.wait(-signal.SIGTERM)
    assert took < LATE, f"{took:.2f} s"


def test_first_process():
    """Of a namespace, as in a container."""
    running = asked("init", through=("unshare", "--pid", "--fork", "--kill-child"))
    running.end(16)
    return running.check()


class Absent:
    endpoint = f"{namespace.ROOM}/nobody.sock"


# name → collector, milliseconds. For one that is not there nobody waits; how long
# for another is set. What ends beyond LATE has waited for longer than it was told.
STUBBORN = {
    "absent": (Absent, "60000"),
    "mute": (lambda: Collector(answers=False), None),
    "mute_200": (lambda: Collector(answers=False), "200"),
    "mute_0": (lambda: Collector(answers=False), "0"),
}
LATE = 45  # seconds


@each(f"{name}.{scene}" for name in STUBBORN
      for scene in ("exit", "_exit", "abort", "raise"))
def test_bounded(which):
    name, scene = which.split(".")
    collector, ms = STUBBORN[name]
    running = asked(scene, collector(), DNSTAP_EXIT_MS=ms)
    took = running.process.wait(ENDS[scene])
    assert took < LATE, f"{took:.2f} s"
    return f"{took:.2f} s"


class Flapping:
    """Closes each connection as soon as it is there."""

    endpoint = f"{namespace.ROOM}/flapping.sock"

    def __init__(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.endpoint)
        self.listener.listen()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            self.listener.accept()[0].close()


@each(f"{name}.{scene}" for name in ("mute", "flapping")
      for scene in ("exit", "_exit", "abort", "raise"))
def test_last_word(which):
    """The metrics of the end have counted what crossed the wire, however busy the
    machine is and little time there is for the collector."""
    name, scene = which.split(".")
    busy = [Process(["sh", "-c", "while :; do :; done"], name=f"busy.{i}")
            for i in range(6)]
    collector = Flapping() if name == "flapping" else Collector(answers=False)
    running = asked(scene, collector, DNSTAP_EXIT_MS="200")
    running.end(ENDS[scene])
    for one in busy:
        one.stop()
    counted = Metrics()
    counted.check()
    captured, crossed = counted.count["captured_total"], len(running.facts())
    assert captured == crossed, f"{captured} captured of {crossed}"
    return f"{captured} captured"
