# SPDX-License-Identifier: Apache-2.0
"""What the library shows to, and asks of, the process that it is loaded into."""

import pathlib
import re
import subprocess

from harness.servers import LIBRARY

NEWEST_GLIBC = (2, 36)  # Debian 12's
CALLS = pathlib.Path(__file__).parents[2] / "shim/hook/calls.h"


def output(*command):
    return subprocess.run([*command, LIBRARY], check=True, text=True,
                          capture_output=True).stdout


def test_names():
    """A name more would stand in the way of one of the host's own."""
    exported = set(re.findall(r" \w (\w+)", output("nm", "-D", "--defined-only")))
    hooked = set(re.findall(r"^(?:CALL|LATE|KIN)\((\w+)", CALLS.read_text(), re.M))
    strange = {name for name in exported - hooked
               if not name.startswith("dnstapshim_")}
    assert exported and not strange, strange
    return f"{len(exported)} names"


def test_needed():
    """A library more that is missing would stop every process from starting."""
    assert re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d")) == ["libc.so.6"]


def test_glibc():
    versions = {tuple(map(int, version.split(".")))
                for version in re.findall(r"GLIBC_([\d.]+)", output("readelf", "-V"))}
    assert max(versions) <= NEWEST_GLIBC, max(versions)
    return f"needs GLIBC_{'.'.join(map(str, max(versions)))}"


def test_segments():
    stack, = re.findall(r"GNU_STACK.*\n?.* (RWE?) ", output("readelf", "-lW"))
    assert stack == "RW", "executable stack"
    dynamic = output("readelf", "-d")
    assert "TEXTREL" not in dynamic, "text relocations"
    assert "NOW" in dynamic and "NODELETE" in dynamic, dynamic
