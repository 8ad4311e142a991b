# SPDX-License-Identifier: Apache-2.0
"""dnstap listen: collectors connect to the tap."""

import fcntl
import os
import re
import socket
import ssl
import threading

from harness import cli, dnstap, framestream, load, namespace
from harness.certificates import Authority
from harness.collector import Caller
from harness.each import each
from harness.process import Process, until
from harness.scene import Scene

QUERIES = 500
PORT = 6000
PATH = f"{namespace.ROOM}/listen.sock"

# SOCKET, and where a collector finds it.
PLACES = {
    "unix": (f"unix://{PATH}", PATH),
    "abstract": ("unix://@dnstap", "@dnstap"),
    "inet": (f"tcp://127.0.0.1:{PORT}", ("127.0.0.1", PORT)),
    "inet6": (f"tcp://[::1]:{PORT}", ("::1", PORT)),
    "any": (f"tcp://:{PORT}", ("::1", PORT)),
    "name": (f"tcp://localhost:{PORT}", ("127.0.0.1", PORT)),
}


def ask(scene, seed="listen", count=QUERIES):
    load.udp(scene.server.addresses, count, load.Mix(seed))
    return scene.settle()


def lines(scene):
    return [line.partition(": ")[2] for line in scene.lines()]


def listening(where, more="", server="knotd", **settings):
    """The tap listens from the first message on, which answers() has sent."""
    return Scene(server, f"dnstap listen {where} full {more}", **settings)



@each(PLACES)
def test_place(kind):
    where, found = PLACES[kind]
    scene = listening(where)
    before = scene.settle()
    collector = Caller(found).greeted()
    ask(scene)
    scene.stop()
    if kind == "unix":
        assert not os.path.exists(PATH), "the socket is left behind"
    return scene.check_from(before, collector.taps())


@each(["unix", "abstract", "inet", "name"])
def test_read(kind):
    """dnstapshim read -c, there before the tap: it waits, and gets it all."""
    where, found = PLACES[kind]
    found = found if isinstance(found, str) else where.removeprefix("tcp://")
    reader = Process([cli.COMMAND, "read", "-c", found, "-w", "/mnt/out"])
    until(lambda: "trying again every second" in reader.output(), "a note")
    for turn in 1, 2:
        scene = listening(where)
        until(lambda: f"connection {turn}\n" in reader.output(), "a connection")
        ask(scene)
        scene.stop()
        until(lambda: f"connection {turn}: closed after" in reader.output(),
              "FINISH")
    reader.stop()
    assert reader.code == 0, reader.output()
    first, second = map(int, re.findall(r"after (\d+) messages",
                                        reader.output()))
    taps = list(map(dnstap.decode, framestream.read_file("/mnt/out")))
    assert len(taps) == first + second and second > 2 * QUERIES
    return scene.check_end(taps[first:])


def test_two_one_stalled():
    """One reads no more: the other gets everything, and it is told of."""
    scene = listening(f"unix://{PATH}", DNSTAP_EXIT_MS="5000")
    before = scene.settle()
    alive, stalled = Caller(PATH).greeted(), Caller(PATH).greeted()
    ask(scene, "both")
    stalled.wait(len(scene.facts()) - before)
    stalled.pause()
    for turn in range(6):
        ask(scene, f"stalled {turn}", 4 * QUERIES)
    alive.wait(len(scene.facts()) - before)
    assert any("does not keep up" in line for line in lines(scene)), lines(scene)
    scene.stop()
    assert any("and lost " in line for line in lines(scene)), lines(scene)
    row = scene.check_from(before, alive.taps())
    return {**row, "stalled": len(stalled.frames)}


def test_later_and_again():
    """Each gets the stream from when it connected."""
    scene = listening(f"unix://{PATH}")
    before = scene.settle()
    first = Caller(PATH).greeted()
    early = ask(scene, "first")
    second = Caller(PATH).greeted()
    first.wait(early - before)
    first.kill()
    until(lambda: any("hung up; it got" in line for line in lines(scene)),
          "a line in the log")
    ask(scene, "second")
    scene.stop()
    assert len(first.frames) == early - before
    return scene.check_from(early, second.taps())


def test_stale_socket():
    """A socket that its program left behind is replaced, whoever has locked the
    directory."""
    directory = os.open(namespace.ROOM, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(PATH)
    scene = listening(f"unix://{PATH}")
    before = scene.settle()
    collector = Caller(PATH).greeted()
    ask(scene)
    scene.stop()
    return scene.check_from(before, collector.taps())


def test_anothers_socket():
    """One that is in use is not, nor is a file; when it is gone we listen."""
    other = socket.socket(socket.AF_UNIX)
    other.bind(PATH)
    other.listen()
    scene = listening(f"unix://{PATH}")
    said = "another program listens there; retrying in 10 ms, later every 5 s"
    until(lambda: any(said in line for line in lines(scene)), said)
    other.close()
    before = scene.settle()
    collector = Caller(PATH).greeted()
    ask(scene)
    scene.stop()
    return scene.check_from(before, collector.taps())


def test_not_a_socket():
    with open(PATH, "w") as file:
        file.write("mine")
    scene = listening(f"unix://{PATH}")
    ask(scene)
    scene.stop()
    assert open(PATH).read() == "mine"
    assert "File exists; retrying" in lines(scene)[0], lines(scene)
    return lines(scene)[0]


def test_planted_lock():
    """What somebody else has put there is left alone, and the log says so."""
    os.mkfifo(f"{PATH}.lock")
    scene = listening(f"unix://{PATH}")
    ask(scene)
    scene.stop()
    said = "SOCKET.lock is no lock file of ours; retrying"
    assert said in lines(scene)[0], lines(scene)
    assert os.listdir(namespace.ROOM).count("listen.sock.lock") == 1
    return lines(scene)[0]


def test_crowd():
    """The seventeenth is turned away, sixteen are served."""
    scene = listening(f"unix://{PATH}")
    before = scene.settle()
    crowd = [Caller(PATH).greeted() for _ in range(16)]
    with socket.socket(socket.AF_UNIX) as late:
        late.connect(PATH)
        assert late.recv(1) == b""
    ask(scene)
    scene.stop()
    for collector in crowd:
        row = scene.check_from(before, collector.taps())
    assert sum("turned away" in line for line in lines(scene)) == 1
    return row


def test_mute():
    """Who never says ACCEPT is told apart from who is served."""
    scene = listening(f"unix://{PATH}")
    until(lambda: os.path.exists(PATH), PATH)
    with socket.socket(socket.AF_UNIX) as mute:
        mute.connect(PATH)
        before = scene.settle()
        collector = Caller(PATH).greeted()
        ask(scene)
        until(lambda: any("no ACCEPT within 5 s" in line
                          for line in lines(scene)), "a line in the log")
    scene.stop()
    return scene.check_from(before, collector.taps())


def dial(where):
    stranger = socket.socket(socket.AF_UNIX if isinstance(where, str)
                             else socket.AF_INET)
    stranger.connect(where)
    return stranger


def come_and_go(where):
    for _ in range(2000):
        dial(where).close()


@each(["unix", "inet"])
def test_strangers(kind):
    """A thousand who say nothing stand before the door, others come and go: a
    collector that comes behind them gets everything, and the log stays short."""
    place, where = PLACES[kind]
    scene = listening(place)
    Caller(where).kill()  # the door is open
    before = scene.settle()
    crowd = [dial(where) for _ in range(1000)]
    collector = Caller(where).greeted()
    passer = threading.Thread(target=come_and_go, args=(where,))
    passer.start()
    load.udp(scene.server.addresses, QUERIES, load.Mix("strangers"))
    passer.join()
    scene.stop()
    said = lines(scene)
    assert len(said) < 40, said
    assert any("such lines more" in line for line in said), said
    del crowd
    return {**scene.check_from(before, collector.taps()), "lines": len(said)}


TLS = {
    "anybody": ("tls {server}", False, True),
    "client": ("tls {server} {ca}", True, True),
    "no_client": ("tls {server} {ca}", False, False),
    "skipverify": ("tls {server} {ca}; skipverify", False, True),
}


@each(TLS)
def test_tls(kind):
    text, shows, good = TLS[kind]
    ca = Authority("ours")
    server = ca.sign("server", "DNS:tap.example")
    text = text.replace("{server}", " ".join(server))
    scene = listening(f"tls://127.0.0.1:{PORT}",
                      f"{{ {text.replace('{ca}', ca.certificate)} }}")
    context = ssl.create_default_context(cafile=ca.certificate)
    if shows:
        context.load_cert_chain(*ca.sign("client"))
    before = scene.settle()
    collector = Caller(("127.0.0.1", PORT), context, "tap.example")
    if not good:
        said = "peer did not return a certificate"
        until(lambda: any(said in line for line in lines(scene)), said)
        scene.stop()
        assert not collector.frames
        return [line for line in lines(scene) if said in line][0]
    collector.greeted()
    ask(scene)
    scene.stop()
    return scene.check_from(before, collector.taps())


def test_accounts():
    """Captured = sent + dropped, whoever came and went; what one missed."""
    metrics = f"{namespace.ROOM}/metrics"
    scene = Scene("knotd", f"dnstap listen unix://{PATH} full",
                  DNSTAP_METRICS=metrics)
    early = ask(scene, "nobody")
    alive, gone = Caller(PATH).greeted(), Caller(PATH).greeted()
    ask(scene, "both")
    gone.wait(len(scene.facts()) - early)
    gone.pause()
    for turn in range(4):
        ask(scene, f"one {turn}", 4 * QUERIES)
    gone.kill()
    ask(scene, "alone")
    alive.wait(len(scene.facts()) - early)
    scene.stop()
    count = {name: int(float(value)) for name, value in
             re.findall(r"^dnstapshim_(\w+)\{.*\} (\S+)$", open(metrics).read(),
                        re.M) if name != "dropped_total"}
    dropped = dict(re.findall(r'^dnstapshim_dropped_total\{.*cause="(\w+)".*\} (\d+)$',
                              open(metrics).read(), re.M))
    assert count["sent_total"] == len(alive.frames) == len(scene.facts()) - early
    assert int(dropped["endpoint"]) == early, dropped
    assert count["queued"] == 0 and count["missed_total"] > 10000, count
    assert count["captured_total"] == (
        count["sent_total"] + sum(map(int, dropped.values())))
    return scene.check_from(early, alive.taps())
