# SPDX-License-Identifier: Apache-2.0
"""dnstapshim read: as golang-dnstap's tool, and safe from its senders."""

import io
import json
import os
import pathlib
import pty
import re
import signal
import socket
import struct
import subprocess
import threading

from harness import cli, framestream, sample
from harness.collector import build_golang, listening
from harness.each import each
from harness.process import PATIENCE, Process, until

BUILD = pathlib.Path(os.environ.get("DNSTAPSHIM_BUILD", "build"))
FILE, SOCKET, PORT = "/mnt/sample.fstrm", "/mnt/read.sock", 6000
COUNT = 5000

# How libldns and the tool write the same data: (records, what to do about it).
SAME = [(r"\t(DS|CDS|SSHFP|NSEC3|NSEC3PARAM|NID)\t", str.lower),
        (r"\t(SVCB|HTTPS)\t", lambda line: line.replace('"', "")),
        (r"; EDNS: ", lambda line: line.replace("flags:;", "flags: ;"))]


def same(line):
    for records, treat in SAME:
        if re.search(records, line):
            line = treat(line)
    return line.rstrip()


def lines(text, form):
    """The output, cut into lines that can be compared."""
    if form != "-j":
        return [same(line) for line in text.splitlines()]
    messages = [json.loads(line) for line in text.splitlines()]
    for outer in messages:
        for key in "query_message", "response_message":
            if key in outer["message"]:
                outer["message"][key] = lines(outer["message"][key], "-q")
    return messages


@each(["-q", "-y", "-j"])
def test_as_golang(form):
    with open(FILE, "wb") as file:
        file.write(sample.stream(sample.payloads(COUNT)))
    theirs = subprocess.run(
        [build_golang(BUILD), form, "-r", FILE], text=True, check=True,
        capture_output=True, env={"TZ": "UTC"}).stdout
    ours = lines(cli.good("read", form, "-r", FILE), form)
    theirs = lines(theirs, form)
    assert len(ours) == len(theirs) >= COUNT
    different = [(a, b) for a, b in zip(ours, theirs) if a != b]
    assert not different, (len(different), different[:3])
    return f"{COUNT} messages, {len(ours)} lines"


class Reader(Process):
    def __init__(self, *arguments):
        super().__init__([cli.COMMAND, "read", "-u", SOCKET, "-l",
                          f"127.0.0.1:{PORT}", "-w", "/mnt/out", *arguments])
        until(lambda: self.alive() and os.path.exists(SOCKET)
              and listening(PORT), "read")

    def result(self):
        self.stop()
        assert self.code == 0, self.output()
        assert not os.path.exists(SOCKET)
        with open("/mnt/out") as out:
            return out.read().splitlines()


def connect(tcp):
    if tcp:
        return socket.create_connection(("127.0.0.1", PORT))
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(SOCKET)
    return peer


def send_orderly(data, tcp, piece):
    """READY to FINISH, in pieces of that many octets."""
    peer = connect(tcp)
    peer.sendall(framestream.READY_FRAME)
    accept = framestream.control(framestream.ACCEPT, framestream.CONTENT_TYPE)
    assert peer.recv(len(accept), socket.MSG_WAITALL) == accept
    for at in range(0, len(data), piece):
        peer.sendall(data[at:at + piece])
    finish = framestream.control(framestream.FINISH)
    assert peer.recv(100, socket.MSG_WAITALL) == finish
    peer.close()


def send_at_once(data, tcp):
    """Without a handshake. Returns what came back."""
    peer = connect(tcp)
    peer.settimeout(PATIENCE)
    back = b""
    try:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        while more := peer.recv(1 << 16):
            back += more
    except ConnectionError:
        pass
    peer.close()
    return back


def test_senders():
    """Several at once, with the handshake and without."""
    data = sample.stream(sample.payloads(COUNT))
    reader = Reader("-q")
    senders = [threading.Thread(target=send_orderly, args=(data, tcp, piece))
               for tcp, piece in ((True, 7001), (False, 997), (False, 1 << 20))]
    senders.append(threading.Thread(target=send_at_once, args=(data, True)))
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    until(lambda: reader.output().count("closed after 5000 messages") == 4,
          "all four are done")
    shown = reader.result()
    assert len(shown) == 4 * COUNT
    assert sorted(shown) == sorted(cli.good(
        "read", "-", input=data).splitlines() * 4)
    return f"{len(senders)} senders, {len(shown)} messages"


def frame(body):
    return struct.pack("!I", len(body)) + body


def test_hostile_senders():
    """None of them disturbs the sender that was there before."""
    reader = Reader("-q", "-t", "300ms")
    payloads = sample.payloads(200)
    start, stop = framestream.START_FRAME, framestream.STOP_FRAME
    ready = framestream.READY_FRAME
    with connect(False) as honest, connect(True) as silent:
        honest.sendall(start + sample.data(payloads[:100]))
        for data in (
                b"GET / HTTP/1.1\r\n\r\n", b"", b"\0" * 1000, ready[:10],
                framestream.control(framestream.READY, b"protobuf:other"),
                frame(b"data before START"), ready + ready, start + start,
                start + frame(b"\xff" * 9) + frame(b"\x78\x01") + frame(b"\0") + stop,
                start + frame(b"x" * 3000000) + stop,
                start + b"\xff\xff\xff\xff" + b"x" * 1000,
                struct.pack("!II", 0, 100000), struct.pack("!II", 0, 0),
                struct.pack("!II", 0, 2) + b"ab"):
            assert b"FINISH" not in send_at_once(data, True)
        assert silent.recv(1) == b""  # no handshake in time
        honest.sendall(sample.data(payloads[100:]) + stop)
        assert honest.recv(1) == b""
    shown = reader.result()
    assert len(shown) == 200, len(shown)
    said = reader.output()
    for text in ("this is not Frame Streams", "the content type is not dnstap's",
                 "it ended without STOP", "no handshake in time",
                 "3 frames held no dnstap message",
                 "1 frames of more than 1048576 octets skipped",
                 "closed after 200 messages"):
        assert text in said, text


def test_files():
    data = sample.stream(sample.payloads(300))
    with open(FILE, "wb") as file:
        file.write(data)
    cli.good("read", "-r", FILE, "-w", "/mnt/copy.fstrm")
    with open("/mnt/copy.fstrm", "rb") as copy:
        assert copy.read() == data
    count = len(cli.good("read", "-r", FILE, "-", input=data + data).splitlines())
    assert count == 900
    assert len(cli.good("read", "-r", FILE, "-n", 7).splitlines()) == 7
    for _ in range(2):
        cli.good("read", "-r", FILE, "-y", "-a", "-w", "/mnt/twice")
    with open("/mnt/twice") as twice:
        assert twice.read().count("\n---\n") == 600
    cut = cli.run("read", "-", input=data[:-20])
    assert cut.returncode == cli.DATAERR and cut.stdout.count(b"\n") == 299
    assert b"it ended without STOP" in cut.stderr


@each(["gzip", "zstd"])
def test_compressed(command):
    """Files and standard input, in pieces, several in one, and cut short."""
    data = sample.stream(sample.payloads(3000))
    packed = subprocess.run([command, "-c"], input=data, check=True,
                            capture_output=True).stdout
    assert len(packed) < len(data)
    plain = cli.good("read", "-", input=data)
    with open(FILE, "wb") as file:
        file.write(packed)
    assert cli.good("read", "-r", FILE) == plain
    assert cli.good("read", "-", input=packed * 2) == plain * 2
    with subprocess.Popen([cli.COMMAND, "read", "-q", "-w", "/mnt/out", "-"],
                          stdin=subprocess.PIPE, env={"TZ": "UTC"}) as reader:
        for at in range(0, len(packed), 1009):
            reader.stdin.write(packed[at:at + 1009])
            reader.stdin.flush()
        reader.stdin.close()
        assert reader.wait(PATIENCE) == 0
    assert pathlib.Path("/mnt/out").read_text() == plain
    cut = cli.run("read", "-", input=packed[:-100])
    assert cut.returncode == cli.DATAERR and b"damaged, or cut short" in cut.stderr
    assert plain.startswith(cut.stdout.decode()) and cut.stdout


@each(["gzip", "zstd"])
def test_compressed_a_lot(command):
    """Few octets that hold many messages, and no more to read behind them: all of
    them come; and before they have, SIGTERM ends it."""
    many = 30000
    data = sample.stream(sample.payloads(1) * many)
    packed = subprocess.run([command, "-c"], input=data, check=True,
                            capture_output=True).stdout
    assert len(packed) < 1 << 16, "it is not read at one time"
    for patient in True, False:
        with subprocess.Popen([cli.COMMAND, "read", "-j", "-"], bufsize=0,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
            reader.stdin.write(packed)
            lines = io.BufferedReader(reader.stdout)
            seen = len([lines.readline() for _ in range(many if patient else 1)])
            reader.send_signal(signal.SIGTERM)
            seen += len(lines.readlines())
            assert reader.wait(PATIENCE) == 0
            assert seen == many if patient else seen < many, seen


def on_terminal(*arguments):
    """What it says there, while standard output is none."""
    ours, theirs = pty.openpty()
    with open("/mnt/out", "wb") as out, subprocess.Popen(
            [cli.COMMAND, "read", *arguments], stdout=out, stderr=theirs,
            env={"TERM": "xterm"}) as reader:
        os.close(theirs)
        said = b""
        try:
            while more := os.read(ours, 1 << 16):
                said += more
        except OSError:  # nobody has it open any more
            pass
        assert reader.wait(PATIENCE) == 0, said
    return said.decode()


def test_progress():
    """Of long files, on a terminal; wiped out before anything else is said."""
    data = sample.stream(sample.payloads(2000))
    with open(FILE, "wb") as file:
        for _ in range(1 + (16 << 20) // len(data)):
            file.write(data)
    said = on_terminal("-r", FILE, "-o", "fstrm")
    wipe = "\r\033[K"
    assert re.match(r"\r\033\[K +\d+\.\d %, \d+ messages", said), said
    assert said.endswith(wipe) and said.count(wipe) == said.count("messages") + 1
    said = on_terminal("-r", FILE, "-o", "pcap")
    assert re.search(wipe.replace("[", "\\[") + "dnstapshim read: .* no place", said), said
    assert not cli.run("read", "-r", FILE, "-o", "fstrm").stderr  # no terminal
    with open(FILE, "wb") as file:
        file.write(data)
    assert on_terminal("-r", FILE) == ""  # short


def test_reopens():
    """On SIGHUP, as after a rotation of its file."""
    data = sample.stream(sample.payloads(10))
    reader = Reader("-q")
    send_at_once(data, False)
    until(lambda: "closed after 10" in reader.output(), "the first ten")
    os.rename("/mnt/out", "/mnt/out.1")
    reader.send(signal.SIGHUP)
    until(lambda: os.path.exists("/mnt/out"), "a new file")
    send_at_once(data, False)
    assert len(reader.result()) == 10
    with open("/mnt/out.1") as first:
        assert len(first.read().splitlines()) == 10


def test_leaves_others_alone():
    reader = Reader("-q")
    said = cli.refused(cli.UNAVAILABLE, "read", "-u", SOCKET)
    assert "another process listens there" in said
    reader.child.kill()
    reader.child.wait()
    assert os.path.exists(SOCKET)  # stale, and replaced
    Reader("-q").result()
    pathlib.Path(SOCKET).write_text("precious")
    assert "no socket" in cli.refused(cli.UNAVAILABLE, "read", "-u", SOCKET)
    assert pathlib.Path(SOCKET).read_text() == "precious"


def test_usage():
    with open(FILE, "wb") as file:
        file.write(sample.stream(sample.payloads(1)))
    for status, arguments, text in (
            (64, [], "nothing to read"),
            (64, ["-x"], "unknown option '-x'"),
            (64, ["--bogus"], "unknown option '--bogus'"),
            (64, ["-r"], "option '-r' needs a value"),
            (64, [FILE], f"'{FILE}': a file to read is given with -r"),
            (64, ["-q", "-y", "-r", FILE], "'quiet' and 'yaml': give one form only"),
            (64, ["-o", "xml", "-r", FILE], "not 'xml'"),
            (64, ["-f", "rcode NXDOMIAN", "-r", FILE], '-f:1:7: "NXDOMIAN": expected'),
            (64, ["--stats", "-o", "pcap", "-r", FILE], "--stats is text"),
            (64, ["-n", "0", "-r", FILE], "not '0'"),
            (64, ["-t", "5x", "-r", FILE], "not '5x'"),
            (64, ["-m", "9", "-r", FILE], "not '9'"),
            (64, ["-a", "-r", FILE], "-w FILE"),
            (64, ["-a", "-w", "/mnt/x", "-r", FILE], "text only"),
            (64, ["-l", "nowhere"], "HOST:PORT"),
            (64, ["-l", "127.0.0.1:65536"], "127.0.0.1:65536: a port is a number"),
            (64, ["-l", "127.0.0.1:0"], "127.0.0.1:0: a port is a number"),
            (64, ["-l", "127.0.0.1:+6000"], "a port is a number"),
            (64, ["-c", "[::1]:70000"], "[::1]:70000: a port is a number"),
            (66, ["-r", ""], "'': No such file"),
            (66, ["-r", "/none"], "/none: No such file"),
            (65, ["-r", "/bin/true"], "not Frame Streams"),
            (69, ["-l", "192.0.2.77:6000"], "192.0.2.77:6000: "),
            (73, ["-r", FILE, "-w", "/none/x"], "/none/x: No such file")):
        said = cli.refused(status, "read", *arguments)
        assert said.startswith("dnstapshim read: ") and text in said, said
    full = subprocess.run([cli.COMMAND, "read", "-r", FILE], stderr=subprocess.PIPE,
                          stdout=open("/dev/full", "w"))
    assert full.returncode == cli.IOERR and b"No space left" in full.stderr
    assert "usage:" in cli.good("read", "--help")
