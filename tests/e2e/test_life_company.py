# SPDX-License-Identifier: Apache-2.0
"""Threads that are interrupted anywhere, and other libraries in the process:
allocators, a false clock, a sanitizer, an early constructor."""

import glob
import re
import socket
import subprocess

from harness import dns, host, metrics, namespace
from harness.each import each
from harness.process import until

EACH = 40
FIRSTS = 200
# What the clients ask in each scene of host/odd.c.
ODD = {"cancel": 160, "jump": 40, "handler": 80, "both": 200, "sigurg": 160}
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
OTHERS = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4",
          "mimalloc": "libmimalloc.so.[0-9]*.[0-9]", "faketime": "faketime/libfaketimeMT.so.1"}


@each(ODD)
def test_interrupted(scene):
    running = host.Host(host.build("odd"), scene)
    for _ in range(0, ODD[scene], EACH):
        running.udp(EACH)
    running.end()
    return running.check()


def test_sleep():
    """A tap that has nothing to do does nothing, until it is woken."""
    running = host.Host(host.build("odd"), "sigurg")
    running.udp(EACH)
    running.collector.wait(2 * EACH)
    until(lambda: running.sleeps(1) <= 5, "a second in which it sleeps")
    assert running.switches()
    running.udp(3 * EACH)
    running.collector.wait(8 * EACH)
    running.end()


@each(("cancel_async", "jump_anywhere", "fork_anywhere"))
def test_abandoned(scene):
    """What a thread leaves half done stops neither the host nor the tap; what
    cannot be logged until that is noticed is counted."""
    running = host.Host(host.build("odd"), scene, DNSTAP_EXIT_MS="60000",
                        **metrics.SETTING)
    running.wire.leave_out(5300)
    running.udp(EACH)
    running.udp(EACH)
    running.end()
    taps = running.collector.taps(orderly=scene != "fork_anywhere")
    lost = sum(map(int, re.findall(r"dropped (\d+) messages", running.log())))
    asked = [fact for fact in running.facts() if fact.key[1] not in (0, 5300)]
    logged = [tap for tap in taps if tap.query_port not in (None, 5300)]
    assert len(asked) == 4 * EACH and len(logged) >= 2 * EACH
    assert len(logged) + lost >= len(asked), (len(asked), len(logged), lost)
    metrics.Metrics().check()
    return f"{len(taps)} messages, {lost} counted"


def test_begun():
    """A thread that is cancelled while the library begins in it withholds nothing
    from the next one: no lock of libc's, and no message."""
    running = host.Host(host.build("odd"), "cancel_first", DNSTAP_EXIT_MS="60000")
    running.end()
    seen = {dns.ident(tap.payload) for tap in running.collector.taps(orderly=False)}
    assert not set(range(FIRSTS)) - seen, set(range(FIRSTS)) - seen


def test_early():
    """The constructor of a library that the program is linked with."""
    host.build("early", "-shared", "-fPIC", to="libearly.so")
    running = host.Host(host.build("early", "-DPROGRAM", f"-L{namespace.ROOM}", "-learly",
                                   f"-Wl,-rpath,{namespace.ROOM}"), "")
    running.udp(2 * EACH)
    running.end()
    return running.check()


@each(f"{name}_{place}" for name in OTHERS for place in ("before", "behind"))
def test_preloaded(which):
    """Beside another preloaded library, in either order."""
    name, place = which.split("_")
    other, = glob.glob(f"{LIBRARIES}/{OTHERS[name]}")
    ours = host.servers.LIBRARY
    order = [other, ours] if place == "before" else [ours, other]
    running = host.Host(host.build("fork"), "threads", LD_PRELOAD=":".join(order),
                        FAKETIME="@2030-01-01 00:00:00", FAKETIME_DONT_RESET="1")
    running.udp(1600)
    running.end()
    return running.check()


def test_nested():
    """A library behind ours that calls us again, within a call of ours."""
    other = host.build("nested", "-shared", "-fPIC", to="libnested.so")
    running = host.Host(host.build("datagram", f'-DUPSTREAM="{namespace.UPSTREAM}"'),
                        "plain", LD_PRELOAD=f"{host.servers.LIBRARY}:{other}",
                        **metrics.SETTING)
    running.bound()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.connect((namespace.SERVER4, 53))
        for ident in range(0, 2 * EACH, 2):
            client.send(dns.query(ident, "host1.test"))
            client.send(dns.query(ident + 1, "host1.test"))
            assert dns.ident(client.recv(512)) == ident + 1
            assert dns.ident(client.recv(512)) == ident
    running.end()
    return running.check()


def test_own_names():
    """A program that has functions of libc's names itself, through which libc's other
    names for them do not lead."""
    running = host.Host(host.build("own", "-rdynamic"), "own")
    running.udp(EACH)
    running.tcp(EACH)
    running.end()
    return running.check()


def test_frozen_clock():
    """No deadline hangs on a clock that stands still."""
    other = f"{LIBRARIES}/{OTHERS['faketime']}"
    running = host.Host(host.build("end"), "exit", host.Collector(answers=False),
                        LD_PRELOAD=f"{other}:{host.servers.LIBRARY}",
                        FAKETIME="2030-01-01 00:00:00", DNSTAP_EXIT_MS=None)
    running.udp(EACH)
    running.process.wait(3)  # at all: a deadline that hangs never comes


@each(("static", "preloaded"))
def test_address_sanitizer(kind):
    """A host that is built with it; it insists on being the first to be loaded."""
    flags = ["-fsanitize=address", *(["-static-libasan"] if kind == "static" else [])]
    first = subprocess.run(["gcc", "-print-file-name=libasan.so"], text=True, check=True,
                           capture_output=True).stdout.strip()
    order = [host.servers.LIBRARY] if kind == "static" else [first, host.servers.LIBRARY]
    running = host.Host(host.build("fork", *flags), "workers",
                        LD_PRELOAD=":".join(order), ASAN_OPTIONS="detect_leaks=0")
    running.udp(160)
    running.end()
    assert "ERROR" not in running.log(), running.log()
    return running.check()
