# SPDX-License-Identifier: Apache-2.0
"""The collectors that everybody uses read what the library sends."""

import collections
import json
import os
import pathlib
import re

from harness import dnstap, load
from harness.collector import FstrmCapture, GolangDnstap, build_golang, shown
from harness.each import each
from harness.process import until
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
    live = [json.loads(line)["message"] for line in lines()]
    expected = types(scene.facts())
    assert collections.Counter(m["type"] for m in live) == expected
    return f"{len(live)} messages, live"


@each(PORTS)
def test_fstrm_capture(kind):
    collector = FstrmCapture(PORTS[kind])
    scene, _ = asked(collector)
    scene.stop()
    taps = [dnstap.decode(frame) for frame in collector.frames()]
    row = scene.check(taps)
    assert len(shown(collector.path)) == len(taps)
    return row
