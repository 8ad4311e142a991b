# SPDX-License-Identifier: Apache-2.0
"""Random calls with good and bad arguments (host/random.c): the same seed bare
and preloaded, with equal transcripts and an equal end.

RANDOM_SEEDS=A-B tries others than those of every run.
"""

import glob
import itertools
import os
import re
import subprocess
import sys

from harness import host, namespace, servers
from harness.collector import Collector
from harness.each import each
from harness.process import PATH
from test_life_sanitizers import SANITIZERS, preloads, reports
from test_transparency import FLAGS

FIRST, LAST = map(int, os.environ.get("RANDOM_SEEDS", "1-30").split("-"))
CALLS, FEW = 1000, 300  # the latter under valgrind and the address sanitizer
TRIES = 4  # a connection's timer may fire on a busy machine: once, not always


def run(program, seed, environment, through=(), mode=(), calls=CALLS):
    """How it ended, and its transcript."""
    path = f"{namespace.ROOM}/transcript"
    done = subprocess.run([*through, program, str(seed), str(calls), path, *mode],
                          env={"PATH": PATH, **environment}, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with open(path, "rb") as file:
        text = file.read(int.from_bytes(file.read(8), sys.byteorder))
    return done.returncode, text.decode().splitlines(), done.stdout.decode()


def differ(bare, preloaded):
    """What there is to tell of the first difference."""
    if bare[0] == preloaded[0] and bare[1] == preloaded[1]:
        return None
    pairs = itertools.zip_longest(bare[1], preloaded[1])
    at = next((at for at, (one, two) in enumerate(pairs) if one != two), len(bare[1]))
    return "\n".join([
        f"bare: ended with {bare[0]}; preloaded: with {preloaded[0]}. Line {at + 1}:",
        *(f"  both      {line}" for line in bare[1][max(at - 3, 0):at]),
        *(f"  bare      {line}" for line in bare[1][at:at + 3]),
        *(f"  preloaded {line}" for line in preloaded[1][at:at + 3]),
        preloaded[2][-2000:]])


def compare(program, seed, environment):
    for _ in range(TRIES):
        fault = differ(run(program, seed, {}), run(program, seed, environment))
        if not fault:
            return None
    return f"seed {seed}: {fault}"


def test_equal():
    program, collector = host.build("random", *FLAGS), Collector()
    environment = servers.tap_environment(f"dnstap {collector.endpoint} full")
    faults = list(filter(None, (compare(program, seed, environment)
                                for seed in range(FIRST, LAST + 1))))
    assert not faults, f"{len(faults)} seeds differ\n" + "\n".join(faults[:10])
    collector.taps(orderly=False)
    return f"{LAST - FIRST + 1} seeds, {len(collector.frames)} messages"


@each(("address", "valgrind"))
def test_sound(kind):
    """One seed under each, which must find nothing in the library."""
    program, collector = host.build("random", *FLAGS), Collector()
    environment = servers.tap_environment(f"dnstap {collector.endpoint} full")
    through = ()
    if kind == "valgrind":
        through = "valgrind", f"--log-file={namespace.ROOM}/report.%p"
    else:
        *_, variable, options = SANITIZERS[kind]
        environment["LD_PRELOAD"] = preloads(kind)
        environment[variable] = f"{options}:log_path={namespace.ROOM}/report"
    end, lines, said = run(program, FIRST, environment, through, ("gentle",), FEW)
    assert lines and lines[-1] == "the end", (end, lines[-3:], said)
    for path in glob.glob(f"{namespace.ROOM}/report*"):
        with open(path, errors="replace") as file:
            text = file.read()
        found = blamed(text) if kind == "valgrind" else reports(text)
        assert not found, found[0]
    return f"{len(lines)} lines, {len(collector.frames)} messages"


def blamed(log):
    """valgrind's reports of what the library did, other than to hand the host's
    own arguments to the kernel."""
    blocks = re.split(r"(?m)^==\d+== *\n", log)
    return [block for block in blocks if "libdnstapshim.so" in block
            and re.search("Invalid|uninitialised|Mismatched|overlap", block)
            and "Syscall param" not in block]
