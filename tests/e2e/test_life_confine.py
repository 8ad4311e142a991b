# SPDX-License-Identifier: Apache-2.0
"""A server that gives up its rights, before its first message or behind it, is
neither hindered nor ended, and its log is complete as far as it lets us."""

import time

from harness import host
from harness.collector import Collector
from harness.each import each

EACH = 40
SCENES = ("user", "user_ids", "capabilities", "chroot", "data", "files", "files_used",
          "files_high", "no_resources", "no_close_range",
          "no_close_range_many_files", "no_unshare", "no_tgkill",
          "no_signalfd", "no_madvise", "no_unix_sockets")


@each(f"{scene}.{when}" for scene in SCENES for when in ("before", "behind"))
def test_complete(which):
    scene, when = which.split(".")
    running = host.Host(host.build("confine"), scene, Collector(port=6000), WHEN=when)
    running.udp(EACH * (1 + (when == "behind")))
    running.end()
    return running.check()


@each(("no_tgkill", "no_signalfd"))
def test_unwoken(scene):
    """What nobody can wake looks for itself, and soon."""
    running = host.Host(host.build("confine"), scene, Collector(port=6000),
                        WHEN="before")
    running.udp(EACH // 2)
    running.collector.wait(EACH)
    time.sleep(0.1)  # long enough to fall asleep
    began = time.monotonic()
    running.udp(EACH // 2)
    running.collector.wait(2 * EACH)
    assert time.monotonic() - began < 0.5
    running.end()
    return running.check()


def test_no_unix_sockets():
    """The log says why there is no connection."""
    running = host.Host(host.build("confine"), "no_unix_sockets", WHEN="before")
    running.udp(EACH)
    running.end()
    assert "RestrictAddressFamilies" in running.log(), running.log()
