# SPDX-License-Identifier: Apache-2.0
"""dnstapshim read -F: files that grow, and those that take their place."""

import os
import signal
import subprocess
from collections import Counter

from harness import cli, dnstap, framestream, load, sample
from harness.each import each
from harness.process import Process, until
from harness.scene import Scene

FILE, OUT = "/mnt/dns.fstrm", "/mnt/out.fstrm"


class Follower(Process):
    """Writes what it reads as Frame Streams, and says when it has so much."""

    def __init__(self, path=FILE):
        super().__init__([cli.COMMAND, "read", "-F", "-r", path, "-w", OUT])
        until(lambda: os.path.exists(OUT) and self.alive(), "read")

    def frames(self):
        with open(OUT, "rb") as file:
            return [body for kind, body in framestream.Cutter().feed(file.read())
                    if kind is None]

    def has(self, count):
        until(lambda: len(self.frames()) >= count,
              f"{count} messages")

    def end(self):
        self.stop()
        assert self.code == 0, self.output()
        return self.frames()


def append(data, path=FILE):
    with open(path, "ab") as file:
        file.write(data)


def test_grows():
    """In pieces that end within frames, and beyond STOP."""
    payloads = sample.payloads(300)
    data = sample.stream(payloads)
    append(b"")
    follower = Follower()
    for at in range(0, len(data), 10007):
        append(data[at:at + 10007])
    follower.has(300)
    append(data)
    follower.has(600)
    assert follower.end() == payloads * 2
    assert not follower.output()


def test_moved_away():
    """As logrotate does: what is still written to the old one is read, then the
    new one. Older files are not read, nor one twice."""
    first, second, third = (sample.payloads(100, seed) for seed in range(3))
    append(sample.stream(sample.payloads(5, 9)), f"{FILE}.1")
    append(framestream.START_FRAME + sample.data(first[:50]))
    follower = Follower()
    follower.has(50)
    os.rename(f"{FILE}.1", f"{FILE}.2")
    os.rename(FILE, f"{FILE}.1")
    append(sample.data(first[50:]) + framestream.STOP_FRAME, f"{FILE}.1")
    append(sample.stream(second))
    follower.has(200)
    os.unlink(FILE)
    append(sample.stream(third))
    follower.has(300)
    assert Counter(follower.end()) == Counter(first + second + third)


def test_cut():
    """copytruncate, and a file that is replaced by what is no Frame Streams."""
    first, second = (sample.payloads(100, seed) for seed in range(2))
    append(sample.stream(first))
    follower = Follower()
    follower.has(100)
    os.truncate(FILE, 0)
    until(lambda: "has become shorter" in follower.output(), "it is noticed")
    append(sample.stream(second))
    follower.has(200)
    append(b"nonsense that is none", f"{FILE}.1")
    until(lambda: "not Frame Streams" in follower.output(), "it is read")
    append(sample.stream(first), f"{FILE}.2")
    follower.has(300)
    follower.stop()
    assert follower.frames() == first + second + first


NAMES = {
    "numbers": ("", FILE),
    "times": ("timestamps; current", f"{FILE}.current"),
}


@each(NAMES)
def test_rotated_by_a_tap(names):
    """A server's own files, one after the other, while they are written."""
    properties, path = NAMES[names]
    scene = Scene("named", f"dnstap file://{FILE} full {{\n"
                           f"rotate 64K; {properties}\n}}")
    mix = load.Mix("follow")
    load.udp(scene.server.addresses, 50, mix)
    until(lambda: os.path.exists(path), "its first file")
    follower = Follower(path)
    files = set()
    for _ in range(20):
        load.udp(scene.server.addresses, 60, mix)
        follower.has(len(scene.facts()) - 600)  # it keeps up
        files |= {name for name in os.listdir("/mnt") if name.startswith("dns.fstrm")}
    scene.stop()
    follower.has(len(scene.facts()))
    row = scene.check(list(map(dnstap.decode, follower.end())))
    assert len(files) > 4, files
    return row


def test_usage():
    assert "only regular files" in cli.refused(66, "read", "-F", "-r", "/dev/null")
    assert "No such file" in cli.refused(66, "read", "-F", "-r", "/none")
    # What cannot grow is read as ever; others may come.
    packed = subprocess.run(["gzip", "-c"], input=sample.stream(sample.payloads(7)),
                            check=True, capture_output=True).stdout
    append(packed)
    follower = Follower()
    follower.has(7)
    follower.send(signal.SIGTERM)
    assert follower.child.wait() == 0
