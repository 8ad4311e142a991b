# SPDX-License-Identifier: Apache-2.0
"""Every kind of SOCKET: names, files, and two taps that do not mind each other."""

import glob
import os
import pathlib
import re
import shlex
import subprocess

from harness import dnstap, framestream, load, namespace
from harness.collector import Collector, shown
from harness.each import each
from harness.process import until
from harness.scene import Scene

SOURCE = pathlib.Path(__file__).parents[2]
QUERIES = 500
FILE = f"{namespace.ROOM}/log/tap.fstrm"


def ask(scene, seed="endpoints", count=QUERIES):
    """Without malformed queries, at which dnstap-read stops."""
    answers = load.udp(scene.server.addresses, count, load.Mix(seed, odd=0))
    scene.settle()
    return answers


def lines(scene):
    return [line.partition(": ")[2] for line in scene.lines()]


def files(directory):
    """By number: PATH, PATH.1, PATH.2 …"""
    return sorted(glob.glob(f"{directory}/tap.fstrm*"),
                  key=lambda path: int(path.partition("fstrm.")[2] or 0))


def logged(paths):
    """The messages of whole files, each of which others' tool reads too."""
    taps = []
    for path in paths:
        frames = framestream.read_file(path)
        assert len(shown(path)) == len(frames)
        taps += map(dnstap.decode, frames)
    return taps


NAMES = {
    "inet": ["127.0.0.1 collector.test"],
    "inet6": ["::1 collector.test"],
    # Nobody listens on the first of these.
    "both": ["fd00::77 collector.test", "::1 collector.test",
             "127.0.0.77 collector.test", "127.0.0.1 collector.test"],
}


def name(entries):
    path = f"{namespace.ROOM}/hosts"
    with open(path, "w") as hosts:
        hosts.write("\n".join(entries) + "\n")
    subprocess.run(["mount", "--bind", path, "/etc/hosts"], check=True)


@each(NAMES)
def test_name(kind):
    name(NAMES[kind])
    collector = Collector(6000, host="::1" if kind == "inet6" else "127.0.0.1")
    scene = Scene("knotd", "dnstap tcp://collector.test:6000 full")
    ask(scene)
    scene.stop()
    said, = [line for line in lines(scene) if "connected" in line]
    assert "connected to " in said, said
    return scene.check(collector.taps())


def test_name_anew():
    """The name is looked up again for each connection."""
    name(["192.0.2.77 other.test"])
    scene = Scene("knotd", "dnstap tcp://collector.test:6000 full")
    ask(scene)
    until(lambda: any("looking up collector.test" in line
                      for line in lines(scene)), "a line in the log")
    collector = Collector(6000)
    name(NAMES["inet"])
    collector.wait(len(scene.facts()))
    scene.stop()
    return scene.check(collector.taps())


def test_file():
    os.mkdir(os.path.dirname(FILE))
    scene = Scene("knotd", f"dnstap file://{FILE} full")
    ask(scene)
    scene.stop()
    assert lines(scene)[0].endswith(f": writing to {FILE}"), lines(scene)
    return scene.check(logged([FILE]))


def ask_both(scene, count):
    """Until there are so many files: of two processes one may take a whole load."""
    while len(files(os.path.dirname(FILE))) < count:
        ask(scene)


def test_file_never_overwritten():
    os.mkdir(os.path.dirname(FILE))
    for path in FILE, f"{FILE}.7":
        with open(path, "w") as other:
            other.write("mine")
    scene = Scene("nsd", f"dnstap file://{FILE} full")
    ask_both(scene, 4)
    scene.stop()
    found = files(os.path.dirname(FILE))
    assert [open(path).read() for path in found[:2]] == ["mine"] * 2
    return scene.check(logged(found[2:]))


def test_file_rotated():
    os.mkdir(os.path.dirname(FILE))
    scene = Scene("knotd", f"dnstap file://{FILE} full {{ rotate 65536 }}")
    ask(scene)
    scene.stop()
    found = files(os.path.dirname(FILE))
    sizes = [os.path.getsize(path) for path in found]
    assert len(found) > 4 and max(sizes) <= 65536, sizes
    assert min(sizes[:-1]) > 60000, sizes
    return scene.check(logged(found))


def test_file_rotated_count():
    """Only the newest remain."""
    os.mkdir(os.path.dirname(FILE))
    scene = Scene("knotd", f"dnstap file://{FILE} full {{ rotate 64K 3 }}")
    ask(scene)
    scene.stop()
    found = files(os.path.dirname(FILE))
    assert len(found) == 3 and found[0] != FILE, found
    taps = logged(found)
    payloads = [fact.key[-1] for fact in scene.facts()]
    assert taps[-1].payload in payloads[-10:]
    return f"{len(taps)} of {len(payloads)} messages"


def test_file_rotated_by_time():
    """Whether messages come or not; several processes have files of their own."""
    os.mkdir(os.path.dirname(FILE))
    scene = Scene("nsd", f"dnstap file://{FILE} full {{ rotate 1s }}")
    ask_both(scene, 2)

    def finished():
        found = []
        for path in files(os.path.dirname(FILE)):
            with open(path, "rb") as file:
                if file.read().endswith(framestream.STOP_FRAME):
                    found.append(path)
        return found

    for turn in range(3):
        before = len(finished())
        ask(scene, f"time {turn}")
        until(lambda: len(finished()) > before, "a file ends")
    scene.stop()
    found = files(os.path.dirname(FILE))
    assert len(found) >= 6, found
    return scene.check(logged(found))


def compress(directory):
    """What the unit does, to whichever file it thinks is old enough."""
    unit = SOURCE / "config/systemd/dnstap-compress@.service"
    text = unit.read_text().replace("\\\n", "")
    for path in glob.glob(f"{directory}/*"):
        os.utime(path, (0, os.path.getmtime(path) - 120))
    for command in re.findall("^ExecStart=(.*)$", text, re.M):
        subprocess.run(shlex.split(command), check=True, cwd=directory)


def test_file_compressed():
    """By others, while it goes on: what is written is left alone, no number is
    given twice, and all is there."""
    directory = os.path.dirname(FILE)
    os.mkdir(directory)
    scene = Scene("nsd", f"dnstap file://{FILE} full {{ rotate 16K }}")
    for turn in range(3):
        ask(scene, f"compressed {turn}")
        compress(directory)
    scene.stop()
    packed = glob.glob(f"{directory}/*.gz")
    assert len(packed) > 6, os.listdir(directory)
    subprocess.run(["gunzip", *packed], check=True)
    return scene.check(logged(files(directory)))


def test_file_disk_full():
    """What fits can be read, what does not is counted, and writing resumes."""
    directory = os.path.dirname(FILE)
    os.mkdir(directory)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs",
                    directory], check=True)
    scene = Scene("knotd", f"dnstap file://{FILE} full",
                  DNSTAP_METRICS=f"{namespace.ROOM}/metrics")
    ask(scene)
    until(lambda: any("No space left on device" in line
                      for line in lines(scene)), "a full disk")
    before = logged(files(directory))
    subprocess.run(["mount", "-o", "remount,size=16m", directory], check=True)
    until(lambda: len(files(directory)) > 1, "another file")
    ask(scene, "after")
    scene.stop()
    taps = logged(files(directory))
    assert before and len(files(directory)) == 2
    return scene.check(taps)


def test_two_taps():
    """One collector stops reading: the other loses nothing, and gets it all
    meanwhile."""
    alive = Collector(6000)
    stalled = Collector(name="stalled.sock", answers=True)
    scene = Scene("knotd", f"dnstap unix://{namespace.ROOM}/stalled.sock full\n"
                           "dnstap tcp://127.0.0.1:6000", DNSTAP_EXIT_MS="5000")
    ask(scene)
    stalled.wait(len(scene.facts()))
    alive.wait(len(scene.facts()))
    stalled.pause()
    for turn in range(5):
        ask(scene, f"stalled {turn}", 4 * QUERIES)
    alive.wait(len(scene.facts()))
    scene.stop()
    assert len(alive.taps()) == len(scene.facts())
    assert all(not tap.payload for tap in alive.taps())
    return f"{len(alive.frames)} messages beside one that took {len(stalled.frames)}"


def test_write_buffer():
    """More than the kernel grants: the log says so."""
    collector = Collector(6000)
    scene = Scene("knotd", f"dnstap {collector.endpoint} full 1024")
    ask(scene)
    scene.stop()
    said, = [line for line in lines(scene) if "connected" in line]
    assert re.search(r"send buffer \d+ KiB of the 1048576 asked for", said), said
    return said.partition(": ")[2]
