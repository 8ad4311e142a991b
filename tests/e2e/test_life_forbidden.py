# SPDX-License-Identifier: Apache-2.0
"""Whatever system call a filter of the host's ends it for, the library does not
make it unless the host itself does; and the log is complete, or says what it lacks.

Which calls the host makes is found out without the library."""

import re
import subprocess

from harness import host
from harness.collector import Collector
from harness.each import each
from harness.namespace import ROOM

SCENES = ("udp", "vfork", "fork", "bind", "handler", "tcp", "exec", "_Exit")
WHEN = ("before", "behind")


def numbers(text):
    """Those of the calls for which a child came to another end than its own."""
    return [int(line) for line in text.split("\n") if re.fullmatch(r"\d+", line)]


def own(program, scene, when):
    bare = subprocess.run([program, scene], env={"WHEN": when}, cwd=ROOM, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return numbers(bare.stdout)


def check(running):
    ended = numbers(running.log())
    assert not ended, f"ended for {', '.join(map(str, ended))}:\n{running.log()}"


@each(f"{scene}.{when}.{threads}.{speech}" for scene in SCENES for when in WHEN
      for threads in ("one", "all") for speech in ("said", "mute")
      if (when, threads) != ("before", "all") or scene == "udp")
def test_each_call(which):
    """all: threads (of which there is but one before), by seccomp(2); one: by prctl(2).
    mute: those calls without which no line about a loss can be written."""
    scene, when, threads, speech = which.split(".")
    program = host.build("forbidden")
    skip = own(program, scene, when)
    assert 0 < len(skip) < 40, skip
    running = host.Host(program, scene, Collector(port=6000), WHEN=when,
                        TSYNC="1" if threads == "all" else "",
                        MUTE="1" if speech == "mute" else "0",
                        SKIP=",".join(map(str, skip)))
    running.end()
    check(running)
    taps = running.collector.taps(orderly=False)
    lost = sum(map(int, re.findall(r"dropped (\d+) messages", running.log())))
    if speech == "said":
        assert len(taps) + lost == len(running.facts()), (
            f"{len(taps)} logged, {lost} counted of {len(running.facts())}")
    return f"{len(taps)} logged, {lost} counted, {len(running.facts())} in all"


# Nobody takes what is logged there.
TAPS = {"file": f"dnstap file://{ROOM}/out.fstrm full {{\n"
                "rotate 1h\ntimestamps\ncurrent\n}",
        "unix": f"dnstap unix://{ROOM}/nobody.sock full",
        "listen": "dnstap listen tcp://127.0.0.1:6001 full",
        "name": "dnstap tcp://localhost:6001 full",
        "tls": "dnstap tls://localhost:6001 full"}


@each(f"{tap}.{when}" for tap in TAPS for when in WHEN)
def test_each_endpoint(which):
    """Nor does what sends, looks up, logs to a file and writes metrics."""
    tap, when = which.split(".")
    program = host.build("forbidden")
    skip = own(program, "udp", when)
    running = host.Host(program, "udp", WHEN=when, TSYNC="1" if when == "behind" else "",
                        SKIP=",".join(map(str, skip)), DNSTAP_CONFIG=TAPS[tap],
                        DNSTAP_EXIT_MS="50", DNSTAP_LOG=f"{ROOM}/lines",
                        DNSTAP_METRICS=f"{ROOM}/counts")
    running.end()
    check(running)


@each(("midst", "end"))
def test_slow(where):
    """A thread that a slow processor takes long for: it is in the midst of reading
    certificates when the filter comes, or has all that it holds to free."""
    slow = host.build("sluggish", "-shared", "-fPIC", to="libsluggish.so")
    until = {"BUSY": "100"} if where == "midst" else {"SAID": f"{ROOM}/lines"}
    running = host.Host(host.build("forbidden"), "udp", WHEN="behind", TSYNC="1",
                        MEMORY="1", LD_PRELOAD=f"{slow}:{host.servers.LIBRARY}",
                        DNSTAP_CONFIG=TAPS["tls"], DNSTAP_EXIT_MS="50",
                        DNSTAP_LOG=f"{ROOM}/lines", **until)
    running.end()
    check(running)
