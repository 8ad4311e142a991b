# SPDX-License-Identifier: Apache-2.0
"""dnstapshim read -T, -U: messages on to other collectors."""

import os
import pathlib
import signal

from harness import cli, sample
from harness.collector import Collector
from harness.process import Process, until

FILE, COUNT, PORT = "/mnt/sample.fstrm", 20000, 6001


def relay(*arguments):
    return Process([cli.COMMAND, "read", "-r", FILE, *map(str, arguments)])


def write():
    payloads = sample.payloads(COUNT)
    with open(FILE, "wb") as file:
        file.write(sample.stream(payloads))
    return payloads


def end(reader, status=0):
    assert reader.child.wait() == status, reader.output()
    return reader.output()


def test_waits_for_collectors():
    """One that comes late, and one that stands still for a while, get everything,
    each in order; what is not for them is left out."""
    payloads = write()
    stalled = Collector(port=PORT)
    reader = relay("-U", "/mnt/late.sock", "-T", f"127.0.0.1:{PORT}")
    until(lambda: "trying again every second" in reader.output(), "it is missed")
    late = Collector(name="late.sock")
    until(lambda: stalled.frames, "the first message")
    stalled.pause()
    late.pause()
    stalled.resume()
    late.resume()
    said = end(reader)
    assert said.count("late.sock") == 2, said  # that it is missed, and there
    for collector in stalled, late:
        assert len(collector.taps()) == COUNT
        assert collector.frames == payloads


def test_filters():
    """Nothing is shown unless it is asked for."""
    write()
    collector = Collector()
    path = collector.endpoint.removeprefix("unix://")
    shown = cli.good("read", "-r", FILE, "-f", "rcode NXDOMAIN", "-o", "flat", "-U", path)
    assert 0 < len(shown.splitlines()) == len(collector.taps()) < COUNT
    other = Collector(name="other.sock")
    assert cli.good("read", "-r", FILE, "-n", 9, "-U", "/mnt/other.sock") == ""
    assert len(other.taps()) == 9


def test_can_be_stopped():
    """While it waits for a collector: what did not leave is said."""
    write()
    reader = relay("-U", "/mnt/none.sock")
    until(lambda: "trying again every second" in reader.output(), "it waits")
    reader.send(signal.SIGTERM)
    end(reader, cli.UNAVAILABLE)
    assert "none.sock: no connection was made: nothing was sent" in reader.output()
    silent = Collector(answers=False)
    reader = relay("-U", silent.endpoint.removeprefix("unix://"))
    until(lambda: silent.connections, "a connection")
    reader.send(signal.SIGINT)
    end(reader, cli.UNAVAILABLE)


def test_connects_again():
    """The collector goes and another comes: what was not handed to the first one's
    kernel goes to the second, and nothing twice."""
    payloads = write()
    first = Collector(name="tap.sock")
    first.pause()
    reader = relay("-U", "/mnt/tap.sock")
    until(lambda: first.connections, "a connection")
    first.kill()
    second = Collector(name="tap.sock")
    end(reader)
    second.taps()
    got = first.frames + second.frames
    assert len(set(got)) == len(got) and second.frames[-1] == payloads[-1]
    assert second.frames == payloads[COUNT - len(second.frames):]


def test_to_itself():
    """It would wait for itself; however the place is written."""
    pathlib.Path("/mnt/link.sock").symlink_to("/mnt/tap.sock")
    for words in (["-u", "/mnt/tap.sock", "-U", "/mnt/tap.sock"],
                  ["-u", "/mnt/tap.sock", "-U", "/mnt/../mnt/tap.sock"],
                  ["-u", "/mnt/tap.sock", "-U", "/mnt/link.sock"],
                  ["-u", "@tap", "-u", "/mnt/tap.sock", "-U", "@tap"],
                  ["-l", f":{PORT}", "-T", f"localhost:{PORT}"],
                  ["-l", f"0.0.0.0:{PORT}", "-T", f"127.0.0.1:{PORT}"],
                  ["-l", f"[::]:{PORT}", "-T", f"[::1]:{PORT}"],
                  ["-r", FILE, "-l", f"127.0.0.1:{PORT}", "-T", f"127.0.0.1:{PORT}"]):
        write()
        said = cli.refused(cli.USAGE, "read", *words)
        assert f"{words[-2]} '{words[-1]}': it listens there itself" in said, said
        assert not os.path.exists("/mnt/tap.sock")


def test_usage():
    for words, text in ((["-T", "nowhere"], "-T wants HOST:PORT, not 'nowhere'"),
                        (["-T", "127.0.0.1:65536"], "'127.0.0.1:65536': a port is"),
                        (["-U", "a"] * 9, "-U 'a': there may be 8")):
        write()
        assert text in cli.refused(cli.USAGE, "read", "-r", FILE, *words)
