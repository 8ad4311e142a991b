# SPDX-License-Identifier: Apache-2.0
"""The servers' own dnstap and the library's, in one run: where they differ, and
which of the two agrees with the wire.

"other type" is a matter of opinion where a server has one name for all of its
clients' messages: the oracle goes by RD and by opcode 5.
"""

from collections import Counter, defaultdict

from harness import dnstap, load, oracle, servers
from harness.collector import Collector
from harness.each import each
from harness.scene import Scene

QUERIES = 1000  # to each address over UDP; a tenth of that over TCP
NOTHING = "–"


def near(logged, seen):
    return logged is not None and abs(logged - seen) <= oracle.LATE


# What can be wrong with what a log says of a message: (tap, fact) → is it?
FAULTS = {
    "protocol": lambda tap, fact: tap.protocol != fact.key[0],
    "address": lambda tap, fact:
        (tap.query_address, tap.response_address) != fact.ends,
    "port": lambda tap, fact:
        (tap.query_port, tap.response_port) != fact.key[1:3],
    "time": lambda tap, fact: not near(tap.time, fact.time),
    "no query time": lambda tap, fact:
        tap.is_response and fact.query and tap.query_time is None,
    "query time": lambda tap, fact:
        tap.is_response and fact.query and tap.query_time is not None
        and not near(tap.query_time, fact.query.time),
    "other type": lambda tap, fact: tap.type != fact.type,
}


def faults(tap, fact):
    return [name for name, found in FAULTS.items() if found(tap, fact)]


def decoded(frames):
    """The messages of a log, and how many frames hold none."""
    taps, broken = [], 0
    for frame in frames:
        try:
            taps.append(dnstap.decode(frame))
        except dnstap.Malformed:
            broken += 1
    return taps, broken


def survey(expected, frames):
    """Figures of a log that need not be right. A message is known by its octets;
    where several have the same, the one that fits best is taken."""
    taps, surplus = decoded(frames)
    alike, missing, wrong = defaultdict(list), 0, Counter()
    for tap in taps:
        alike[tap.is_response, tap.payload].append(tap)
    for fact in expected:
        candidates = alike[fact.key[3:]]
        if not candidates:
            missing += 1
            continue
        best = min(candidates, key=lambda tap: len(faults(tap, fact)))
        candidates.remove(best)
        wrong.update(faults(best, fact))
    surplus += sum(map(len, alike.values()))
    return {"missing": missing, "surplus": surplus,
            "wrong": ", ".join(f"{count} {fault}" for fault, count
                               in wrong.most_common()) or NOTHING}


def agrees(figures):
    return figures == {"missing": 0, "surplus": 0, "wrong": NOTHING}


def compared(scene, native, shim):
    """Of a scene that has stopped: the figures of both logs."""
    for _, thread in native.connections:  # which may end in any way
        thread.join(10)
    assert native.frames, "the server's own dnstap logged nothing"
    expected = scene.facts()
    figures = {"native": survey(expected, native.frames),
               "shim": survey(expected, shim.frames)}
    assert agrees(figures["shim"]), figures["shim"]
    return {"messages": len(expected),
            **{f"{source}: {key}": value for source, found in figures.items()
               for key, value in found.items()},
            "agrees with the wire": ", ".join(
                source for source, found in figures.items() if agrees(found))}


@each(name for name, server in servers.SERVERS.items() if server.native)
def test_compared(name):
    servers.want_native(name)
    shim, native = Collector(), Collector(name="native.sock")
    scene = Scene(name, f"dnstap {shim.endpoint} full",
                  native=native.endpoint.removeprefix("unix://"))
    load.udp(scene.server.addresses, QUERIES, load.Mix(name))
    load.tcp(scene.server.addresses, QUERIES // 10, load.Mix(f"{name} tcp"))
    scene.stop()
    scene.check(shim.taps())
    return compared(scene, native, shim)
