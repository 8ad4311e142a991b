# SPDX-License-Identifier: Apache-2.0
"""Every hooked call does what it does without the library: the transcripts of
host/transcript.c, bare and preloaded, are equal in every octet and errno."""

import difflib
import subprocess

from harness import host, servers
from harness.collector import Collector
from harness.each import each
from harness.process import PATH, PATIENCE

# It does what compilers warn of.
FLAGS = ("-Wno-stringop-overread", "-Wno-stringop-overflow", "-Wno-nonnull")


def transcript(program, environment):
    done = subprocess.run([program], env={"PATH": PATH, **environment}, text=True,
                          capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, (done.returncode, done.stdout[-500:], done.stderr)
    return done.stdout.splitlines()


@each(("live", "absent", "off"))
def test_equal(kind):
    program = host.build("transcript", *FLAGS)
    collector = Collector()
    endpoint = collector.endpoint if kind == "live" else "/mnt/nobody.sock"
    environment = servers.tap_environment(f"dnstap {endpoint} full")
    if kind == "off":
        del environment["DNSTAP_CONFIG"]
    bare, preloaded = transcript(program, {}), transcript(program, environment)
    differences = list(difflib.unified_diff(bare, preloaded, "bare", "preloaded", n=0))
    assert not differences, "\n".join(differences[:40])
    if kind == "live":
        collector.taps()
        assert len(collector.frames) > 400, len(collector.frames)
    return f"{len(bare)} lines, {len(collector.frames)} messages"
