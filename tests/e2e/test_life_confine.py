# SPDX-License-Identifier: Apache-2.0
"""A server that gives up its rights, before its first message or behind it, is
neither hindered nor ended, and its log is complete as far as it lets us."""

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
    """What nobody can wake looks for itself, and does not rest for long: a tap
    that can be woken goes to sleep for a second, then for two."""
    running = host.Host(host.build("confine"), scene, Collector(port=6000),
                        WHEN="before")
    running.udp(EACH // 2)
    running.collector.wait(EACH)
    assert running.sleeps(3) > 10
    running.udp(EACH // 2)
    running.collector.wait(2 * EACH)
    running.end()
    return running.check()


def test_no_unix_sockets():
    """The log says why there is no connection."""
    running = host.Host(host.build("confine"), "no_unix_sockets", WHEN="before")
    running.udp(EACH)
    running.end()
    assert "RestrictAddressFamilies" in running.log(), running.log()
