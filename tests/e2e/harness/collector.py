# SPDX-License-Identifier: Apache-2.0
"""Collectors: our own, which checks the protocol and keeps the frames, and the
two that everybody uses, fstrm_capture and golang-dnstap's tool."""

import fcntl
import os
import pathlib
import shutil
import socket
import subprocess
import threading

from . import dnstap, framestream, namespace
from .framestream import READY, START, STOP
from .process import PATH, PATIENCE, Process, program, until

GOLANG = ("GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=%s/go "
          "go build -o %s github.com/dnstap/golang-dnstap/dnstap")


class Connection:
    """One sender, from READY to FINISH."""

    # What may follow what: the state is the last control frame that came.
    ORDER = {None: READY, READY: START, START: STOP}

    def __init__(self, collector, peer):
        self.collector, self.peer = collector, peer
        self.cutter = framestream.Cutter()
        self.state = None

    def run(self):
        try:
            if self.collector.tls:
                self.peer = self.collector.tls.wrap_socket(self.peer,
                                                           server_side=True)
            while data := self.peer.recv(1 << 16):
                self.collector.reading.wait()
                for kind, body in self.cutter.feed(data):
                    self.frame(kind, body)
        except (ConnectionError, OSError):
            pass
        if self.cutter.buffer and not self.collector.killed:
            self.collector.errors.append("the stream ends within a frame")
        self.peer.close()

    def frame(self, kind, body):
        if kind is None:
            if self.state != START:
                self.collector.errors.append("data outside START and STOP")
            self.collector.frames.append(body)
            return
        content = None if kind == STOP else framestream.CONTENT_TYPE
        if self.collector.unidirectional and self.state is None:
            self.state = READY
        if (self.ORDER.get(self.state) != kind
                or framestream.control(kind, content)[8:] != body):
            self.collector.errors.append(f"control frame {body.hex()}")
        self.state = kind
        if kind == READY and self.collector.answers:
            self.say(framestream.control(framestream.ACCEPT,
                                         framestream.CONTENT_TYPE))
        elif (kind == STOP and self.collector.answers
              and not self.collector.unidirectional):
            self.say(framestream.control(framestream.FINISH))

    def say(self, frame):
        try:
            self.peer.sendall(frame)
        except (ConnectionError, OSError):
            pass  # a sender that has nothing to say does not wait for this


class Collector:
    """Listens on a unix socket, or on TCP where a port is given.

    answers=False: takes connections and octets but never says a word.
    tls: an ssl.SSLContext. unidirectional: expects no READY and says nothing.
    """

    def __init__(self, port=None, answers=True, name="tap.sock", tls=None,
                 unidirectional=False, host="127.0.0.1"):
        self.reading = threading.Event()
        self.reading.set()
        self.tls, self.unidirectional = tls, unidirectional
        self.frames, self.errors, self.connections = [], [], []
        self.answers, self.killed = answers, False
        if port:
            self.endpoint = f"tcp://{host}:{port}"
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.socket = socket.create_server((host, port), family=family)
        else:
            path = f"{namespace.ROOM}/{name}"
            if os.path.exists(path):
                os.unlink(path)
            self.endpoint = f"unix://{path}"
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(path)
            self.socket.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            while True:
                connection = Connection(self, self.socket.accept()[0])
                thread = threading.Thread(target=connection.run, daemon=True)
                self.connections.append((connection, thread))
                thread.start()
        except OSError:
            pass

    def taps(self, orderly=True):
        """The log so far, once no sender is connected any more. An orderly
        sender's last word was STOP."""
        for connection, thread in self.connections:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a sender did not close its connection"
            assert self.killed or not orderly or connection.state == STOP
        assert not self.errors, f"Frame Streams: {self.errors[:5]}"
        return [dnstap.decode(frame) for frame in self.frames]

    def hears_from(self, count, ask):
        """Asks until so many processes have connected: of those that share a socket one
        may take a whole load."""
        while len(self.connections) < count:
            ask()

    def wait(self, count):
        """Until that many frames have come."""
        until(lambda: len(self.frames) >= count,
              f"the collector has {len(self.frames)} frames of {count}")

    def pause(self):
        """Reads no more, but stays connected."""
        self.reading.clear()

    def resume(self):
        self.reading.set()

    def kill(self):
        """As if the collector had died: listener and connections are gone."""
        self.killed = True
        for ending in [self.socket] + [c.peer for c, _ in self.connections]:
            try:
                ending.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            ending.close()


class Caller(Collector):
    """Connects to a tap that listens: at a path, @name or (host, port)."""

    def __init__(self, where, tls=None, host=None, unidirectional=False):
        self.reading = threading.Event()
        self.reading.set()
        self.frames, self.errors, self.connections = [], [], []
        self.answers, self.killed, self.tls = True, False, None
        self.unidirectional = unidirectional
        until(lambda: self._connects(where), f"somebody listens at {where}")
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        connection = Connection(self, self.socket)
        thread = threading.Thread(target=connection.run, daemon=True)
        self.connections.append((connection, thread))
        thread.start()

    def _connects(self, where):
        unix = isinstance(where, str)
        family = (socket.AF_UNIX if unix else
                  socket.AF_INET6 if ":" in where[0] else socket.AF_INET)
        self.socket = socket.socket(family)
        if unix and where.startswith("@"):
            where = "\0" + where[1:]
        return self.socket.connect_ex(where) == 0

    def greeted(self):
        """Waits until the stream has begun."""
        until(lambda: self.connections[0][0].state == START, "START")
        return self


class FstrmCapture(Process):
    """fstrm_capture, writing to a file."""

    def __init__(self, port=None):
        self.path = f"{namespace.ROOM}/capture.fstrm"
        where = (["-a", "127.0.0.1", "-p", str(port)] if port
                 else ["-u", f"{namespace.ROOM}/tap.sock"])
        self.endpoint = (f"tcp://127.0.0.1:{port}" if port
                         else f"unix://{namespace.ROOM}/tap.sock")
        super().__init__([program("fstrm_capture"), "-t", "protobuf:dnstap.Dnstap",
                          "-w", self.path, "-d", *where])
        until(lambda: self.alive() and "opened" in self.output(), "fstrm_capture")

    def frames(self):
        self.stop()
        return framestream.read_file(self.path)


class GolangDnstap(Process):
    """The `dnstap` tool of golang-dnstap, printing the stream as it comes."""

    def __init__(self, tool, mode="-y", port=None):
        where = (["-l", f"127.0.0.1:{port}"] if port
                 else ["-u", f"{namespace.ROOM}/tap.sock"])
        self.endpoint = (f"tcp://127.0.0.1:{port}" if port
                         else f"unix://{namespace.ROOM}/tap.sock")
        super().__init__([str(tool), mode, *where])
        if port:
            until(lambda: self.alive() and listening(port), "dnstap")
        else:
            until(lambda: self.alive() and os.path.exists(where[1]), "dnstap")


def listening(port):
    """Is a TCP socket bound to this port of IPv4?"""
    with open("/proc/net/tcp") as table:
        return any(row.split()[1].endswith(f":{port:04X}")
                   for row in list(table)[1:])


def shown(path):
    """The lines, one a message, as which others' tool shows a file to its end: BIND's, or
    golang-dnstap's where BIND has no dnstap (Ubuntu)."""
    if shutil.which("dnstap-read", path=PATH):
        command = [program("dnstap-read")]
    else:
        command = [build_golang(pathlib.Path(os.environ["DNSTAPSHIM_BUILD"])), "-q", "-r"]
    done = subprocess.run([*command, path], text=True, capture_output=True, check=True)
    said = done.stderr.replace(f"dnstap: opened input file {path}\n", "")
    assert not said, said
    return done.stdout.splitlines()


def build_golang(build):
    """golang-dnstap's tool, built once from Debian's source packages."""
    tool = build / "golang-dnstap"
    with open(build / "golang-dnstap.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if tool.exists():
            return tool
        subprocess.run(GOLANG % (build, tool), shell=True, check=True)
    return tool
