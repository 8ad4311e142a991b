# SPDX-License-Identifier: Apache-2.0
"""The collectors that everybody uses read what the library sends."""

import collections
import json
import os
import pathlib
import re
import shutil
import subprocess

from harness import dnstap, load
from harness.collector import FstrmCapture, GolangDnstap, build_golang
from harness.each import each
from harness.process import PATH, program, until
from harness.scene import Scene

QUERIES = 500
PORTS = {"unix": None, "tcp": 6000}
BUILD = pathlib.Path(os.environ.get("DNSTAPSHIM_BUILD", "build"))


def asked(collector):
    """A knotd that was asked and has answered, and is still there."""
    scene = Scene("knotd", f"dnstap {collector.endpoint} full")
    load.udp(scene.server.addresses, QUERIES, load.Mix("collectors"))
    return scene, scene.settle()


def types(messages):
    return collections.Counter(message.type for message in messages)


@each(PORTS)
def test_golang(kind):
    collector = GolangDnstap(build_golang(BUILD), "-j", PORTS[kind])
    scene, count = asked(collector)

    def lines():
        return re.findall(r"^\{.*\}$", collector.output(), re.M)

    until(lambda: len(lines()) >= count, f"dnstap shows {count} messages live")
    scene.stop()
    collector.stop()
    shown = [json.loads(line)["message"] for line in lines()]
    expected = types(scene.facts())
    assert collections.Counter(m["type"] for m in shown) == expected
    return f"{len(shown)} messages, live"


@each(PORTS)
def test_fstrm_capture(kind):
    collector = FstrmCapture(PORTS[kind])
    scene, _ = asked(collector)
    scene.stop()
    taps = [dnstap.decode(frame) for frame in collector.frames()]
    row = scene.check(taps)
    if not shutil.which("dnstap-read", path=PATH):  # Ubuntu's BIND has no dnstap
        return {**row, "dnstap-read": "not there"}
    shown = subprocess.run([program("dnstap-read"), collector.path], text=True,
                           capture_output=True, check=True)
    lines = shown.stdout.splitlines()
    assert len(lines) == len(taps) and not shown.stderr, shown.stderr
    return row
