# SPDX-License-Identifier: Apache-2.0
"""What a message costs, in instructions of the library's own: unlike time they do not
depend on what else the machine does.

bench/instructions has what they were. COST_RECORD=1 writes it anew, for a change that
is worth what it costs, and for another compiler.
"""

import glob
import os
import pathlib
import re
import socket
import subprocess
from collections import Counter

from harness import host, namespace, servers
from harness.collector import Collector, listening
from harness.process import Process, until

RECORDED = pathlib.Path(__file__).parents[2] / "bench/instructions"
HEAD = """\
# Instructions of the library's own functions for one message of 64 octets, counted
# by tests/e2e/test_cost.py; COST_RECORD=1 tests/e2e/run cost writes them anew.
"""
MORE = 1.03  # times what was recorded is too much
MESSAGES, WARM = 640, 64  # as in host/cost.c
SCENES = ("received", "sent", "received-batch", "sent-batch", "received-tcp",
          "sent-tcp")
SIZE = 64
# Of a tap's thread: what is done for a message, not what it does from time to time.
TAP = re.compile(r"/(proto/|shim/tap/(annotate/|drain\.|stream/send_buffer)"
                 r"|shim/queue/(consume|order|ring)\.)")


def query(number):
    name = b"\4cost\7example\4test\0\0\1\0\1"
    return (number.to_bytes(2, "big") + b"\1\0\0\1" + bytes(6) + name).ljust(SIZE, b"\0")


def ask():
    """All that the host is going to receive; returns what it writes its end to."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.connect((namespace.SERVER4, 53))
    for scene in range(2):
        for number in range(MESSAGES + WARM):
            peer.send(query(number))
    stream = socket.create_connection((namespace.SERVER4, 53))
    stream.sendall(b"".join(b"\0%c" % SIZE + query(number)
                            for number in range(MESSAGES + WARM)))
    while stream.recv(1 << 16):
        pass
    return stream


def costs(path):
    """What the functions of the library have taken themselves, in one part of
    callgrind's: (its trigger, its thread, {function: instructions}, {file: them})."""
    about, functions, files = {}, Counter(), Counter()
    names, now, called = {}, {}, False
    with open(path) as part:
        for line in part:
            if match := re.match(r"(desc: Trigger|thread): (.*)", line):
                about[match[1]] = match[2]
            elif match := re.match(r"(c?)(ob|f[lien])=(\(\d+\)) ?(.*)", line):
                kind = {"fi": "fl", "fe": "fl"}.get(match[2], match[2])
                name = names.setdefault((kind, match[3]), match[4])
                if not match[1]:
                    now[kind] = name
            elif line.startswith("calls="):
                called = True  # the next line is what the called function took
            elif match := re.match(r"[+*-]?\d* (\d+)$", line):
                if now.get("ob") == servers.LIBRARY and not called:
                    functions[now["fn"]] += int(match[1])
                    files[now["fl"]] += int(match[1])
                called = False
    return (about["desc: Trigger"].removeprefix("Client Request: "),
            int(about["thread"]), functions, files)


def measure():
    """Instructions a message, by scene; and by function, to show where."""
    program = host.build("cost")
    process = Process(
        ["valgrind", "-q", "--tool=callgrind", "--separate-threads=yes",
         f"--callgrind-out-file={namespace.ROOM}/parts", program],
        environment=servers.tap_environment(f"dnstap {namespace.ROOM}/tap.sock full"))
    until(lambda: process.alive() and listening(53), "the host's socket")
    stream = ask()
    # Only now is there somebody to send to: all of it passes at one time.
    collector = Collector()
    collector.wait(len(SCENES) * (MESSAGES + WARM))
    stream.close()
    process.wait(0)
    assert len(collector.taps()) == len(SCENES) * (MESSAGES + WARM)

    found, most = {}, {}
    for path in glob.glob(f"{namespace.ROOM}/parts*-*"):
        trigger, thread, functions, files = costs(path)
        if thread == 1 and trigger in SCENES:
            name, count, messages = trigger, functions.total(), MESSAGES
        elif thread != 1 and trigger == "Program termination":
            name, messages = "tap", len(collector.frames)
            count = sum(files[file] for file in files if TAP.search(file))
        else:
            continue
        found[name] = count / messages
        most[name] = ", ".join(f"{function} {took / messages:.0f}"
                               for function, took in functions.most_common(12))
    assert set(found) == {*SCENES, "tap"}, found
    return found, most


def compiler():
    comment = subprocess.run(["readelf", "-p", ".comment", servers.LIBRARY],
                             capture_output=True, text=True, check=True).stdout
    return ", ".join([os.uname().machine,
                      *sorted(set(re.findall(r"\] +(.*)", comment)))])


def recorded():
    lines = (line.split(maxsplit=1) for line in RECORDED.read_text().splitlines()
             if not line.startswith("#"))
    return {name: value.strip() for name, value in lines}


def test_instructions():
    found, most = measure()
    if os.environ.get("COST_RECORD"):
        RECORDED.write_text(HEAD + f"compiler {compiler()}\n" + "".join(
            f"{name} {found[name]:.1f}\n" for name in (*SCENES, "tap")))
    before = recorded()
    if before.pop("compiler") != compiler():
        return f"made by another compiler than the figures in {RECORDED.name}"
    for name, value in before.items():
        assert found[name] <= MORE * float(value), (
            f"{name}: {found[name]:.1f} instructions a message, they were {value}: "
            f"{most[name]}")
    return {name: f"{found[name]:.1f}" for name in before}
