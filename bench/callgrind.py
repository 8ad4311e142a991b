# SPDX-License-Identifier: Apache-2.0
"""Servers under callgrind: instructions a query, of the server's threads and of the
tap's, each server bare, with its own dnstap and with the library.

Within a tenth they are the same in every run, whatever else the machine does, so this
says what time cannot where a server's own varies by more than a dnstap adds. They are
those of the programs: the kernel's part, and the wait for memory, are not among them.
Two lives of a server are compared, one of few queries and one of many, so that its
start and its end do not count.
"""

import glob
import os
import re
import tempfile

import servers

SERVERS = "knotd", "named", "unbound", "nsd", "named-tls", "unbound-tls"
VARIANTS = "bare", "native", "shim"
FEW, MANY = 1, 21  # times all names are asked for
TAP = "run_task"  # what a tap's thread begins with


def instructions(parts):
    """Of one life, from a part for each thread: the server's, the tap's."""
    own = tap = 0
    for part in parts:
        with open(part) as file:
            text = file.read()
        total = int(re.search(r"^totals: (\d+)$", text, re.M)[1])
        if TAP in text:
            tap += total
        else:
            own += total
    return own, tap


def life(build, room, zone, server, variant, times):
    """Returns queries answered, and the instructions that all of it took."""
    with tempfile.TemporaryDirectory(dir=room) as parts:
        os.chmod(parts, 0o777)
        one = servers.Variant(
            build, room, zone, server, variant, cpus=(None, None),
            under=["valgrind", "-q", "--tool=callgrind", "--separate-threads=yes",
                   f"--callgrind-out-file={parts}/%p"])
        completed, _ = one.load(["-n", str(times), "-q", "20"])
        one.stop()
        return completed, instructions(glob.glob(f"{parts}/*-*"))


def cost(*where):
    """Instructions a query: of the server's threads, of the tap's."""
    few, before = life(*where, FEW)
    many, after = life(*where, MANY)
    return [(b - a) / (many - few) for a, b in zip(before, after)]


def measure(build, room, zone, server, progress):
    found = {}
    for variant in VARIANTS:
        progress(f"instructions: {server}, {variant}")
        own, tap = cost(build, room, zone, server, variant)
        found[variant] = {"own": own, "tap": tap}
    return found


def table(found):
    yield "| server | bare | native adds | the library adds to its threads | tap's thread |"
    yield "|---|---|---|---|---|"
    for server, of in found.items():
        bare, native, shim = (of[variant] for variant in VARIANTS)
        yield (f"| {server} | {bare['own']:,.0f} | {native['own'] - bare['own']:,.0f} | "
               f"{shim['own'] - bare['own']:,.0f} | {shim['tap']:,.0f} |")
