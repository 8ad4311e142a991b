# SPDX-License-Identifier: Apache-2.0
"""Every hooked call does what it does without the library: the transcripts of
host/transcript.c, pointers.c, dispositions.c, signals.c and stopped.c, bare and
preloaded, are equal in every octet and errno."""

import difflib
import os
import subprocess

from harness import host, servers
from harness.collector import Collector
from harness.each import each
from harness.process import ENVIRONMENT, PATIENCE

# It does what compilers warn of.
FLAGS = ("-Wno-stringop-overread", "-Wno-stringop-overflow", "-Wno-nonnull")
# Scenes that need what an emulator lacks (tests/arm64/run), each between two spaces.
LACKS = {"LACKS": f" {os.environ.get('DNSTAPSHIM_LACKS', '')} "}


def transcript(arguments, environment):
    done = subprocess.run(arguments, env={**ENVIRONMENT, **LACKS, **environment}, text=True,
                          capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, (done.returncode, done.stdout[-500:], done.stderr)
    return done.stdout.splitlines()


def same(bare, preloaded, what=""):
    differences = list(difflib.unified_diff(bare, preloaded, "bare", "preloaded", n=0))
    assert not differences, what + "\n".join(differences[:40])


KINDS = "live", "absent", "off"


def compared(name, kind):
    """What the host program says with and without the library, which must be the
    same; and the collector."""
    program = host.build(name, *FLAGS)
    collector = Collector()
    endpoint = collector.endpoint if kind == "live" else "/mnt/nobody.sock"
    environment = servers.tap_environment(f"dnstap {endpoint} full", DNSTAP_LOG="off")
    if kind == "off":
        del environment["DNSTAP_CONFIG"]
    bare, preloaded = transcript([program], {}), transcript([program], environment)
    same(bare, preloaded)
    return bare, collector


@each(KINDS)
def test_equal(kind):
    bare, collector = compared("transcript", kind)
    if kind == "live":
        collector.taps()
        assert len(collector.frames) > 400, len(collector.frames)
    return f"{len(bare)} lines, {len(collector.frames)} messages"


@each(f"{name}.{kind}" for name in ("dispositions", "signals", "stopped") for kind in KINDS)
def test_default_actions(which):
    """Those that are taken, to the host that asks for them and that dies of them."""
    name, kind = which.split(".")
    bare, collector = compared(name, kind)
    return f"{len(bare)} lines, {len(collector.frames)} messages"


@each(range(1, 31, 10))
def test_pointers(first):
    """Bad pointers of every kind, drawn from a hat."""
    program = host.build("pointers", *FLAGS)
    environment = servers.tap_environment("dnstap /mnt/nobody.sock full",
                                          DNSTAP_LOG="off")
    for seed in range(first, first + 10):
        bare, preloaded = (transcript([program, str(seed), "600"], variables)
                           for variables in ({}, environment))
        same(bare, preloaded, f"seed {seed}: ")
