# SPDX-License-Identifier: Apache-2.0
"""In a process without DNS the library says, starts and keeps nothing."""

import re
import subprocess

from harness.each import each
from harness.servers import LIBRARY

CONFIGS = {"unset": [], "set": ["-E", "DNSTAP_CONFIG=dnstap /mnt/tap.sock full"]}
STARTS = ("clone", "clone3", "fork", "vfork", "socket", "connect")


@each(CONFIGS)
def test_true(kind):
    done = subprocess.run(
        ["strace", "-f", "-o", "/mnt/strace.log", "-E", f"LD_PRELOAD={LIBRARY}",
         *CONFIGS[kind], "/bin/true"], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    opened, calls = set(), []
    with open("/mnt/strace.log") as log:
        trace = log.read()
    assert LIBRARY in trace, "the library was not loaded"
    for call, argument, result in re.findall(
            r"^\d+ +(\w+)\(([^,)]*).* = (-?\w+)", trace, re.M):
        calls.append(call)
        if call in ("open", "openat", "dup", "eventfd2", "memfd_create"):
            opened.add(result)
        elif call == "close":
            opened.discard(argument)
    assert not set(calls) & set(STARTS), trace
    assert not {fd for fd in opened if not fd.startswith("-")}, trace
    assert "write" not in calls, trace
