# SPDX-License-Identifier: Apache-2.0
"""Where it is not wanted the library starts nothing, opens nothing and allocates
nothing, and the server serves."""

import os
import re
import shutil
import subprocess

from harness import host, namespace, servers
from harness.each import each
from harness.process import PATH

TAP = "dnstap /mnt/tap.sock full"
OFF = {"unset": {}, "empty": {"DNSTAP_CONFIG": ""},
       "disabled": {"DNSTAP_CONFIG": TAP, "DNSTAP_DISABLE": "1"},
       "wrong": {"DNSTAP_CONFIG": "dnstap"}}


def served(program, environment, through=()):
    """What host/idle.c says of itself."""
    running = host.Host.__new__(host.Host)
    running.process = host.Process(
        [*through, program], name="idle", environment=environment)
    running.udp(40)
    running.process.wait(0)
    log = running.log()
    os.unlink(running.process.log)
    return log


@each(OFF)
def test_nothing(kind):
    program = host.build("idle")
    bare = served(program, {})
    preloaded = served(program, {"LD_PRELOAD": servers.LIBRARY, **OFF[kind]})
    if kind == "wrong":  # what it says is all that is allocated
        assert "not tapped" in preloaded
        bare, preloaded = (re.findall(r"\d+ threads.*", text)
                           for text in (bare, preloaded))
    assert bare == preloaded, f"{bare} / {preloaded}"


def test_privileged():
    """A set-id program, whose caller's environment is not to be trusted."""
    program = host.build("idle")
    os.chmod(program, 0o4755)
    library = shutil.copy(servers.LIBRARY, namespace.ROOM)
    shutil.copytree("/etc", "/mnt/etc", symlinks=True)
    with open("/mnt/etc/ld.so.preload", "w") as preload:
        preload.write(library)
    subprocess.run(["mount", "--bind", "/mnt/etc", "/etc"], check=True)
    user = ("setpriv", "--reuid", "65534", "--clear-groups")
    maps = subprocess.run([*user, "cat", "/proc/self/maps"], text=True, check=True,
                          capture_output=True, env={"PATH": PATH}).stdout
    assert library in maps, "the library was not loaded"
    log = served(program, {"DNSTAP_CONFIG": TAP}, user)
    bare = log.splitlines()
    assert len(bare) == 2 and "dnstapshim" not in log, log
    assert bare[0].split(", ")[2] == bare[1].split(", ")[2], log
    return bare[1]
