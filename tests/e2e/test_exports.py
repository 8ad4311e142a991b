# SPDX-License-Identifier: Apache-2.0
"""What the library shows to, and asks of, the process that it is loaded into,
and how both products are protected."""

import os
import pathlib
import re
import subprocess

from harness import cli, namespace
from harness.each import each
from harness.servers import LIBRARY

GLIBC = (2, 34)  # the oldest that the README promises
DEBIAN12 = (2, 36)  # built beside a newer one, the library may ask for more
HOOK = pathlib.Path(__file__).parents[2] / "shim/hook"
HOSTS = pathlib.Path(__file__).parent / "host"

BUILD = pathlib.Path(os.environ.get("DNSTAPSHIM_BUILD", "build"))
# What the processor checks where every object of a process says that it is fit.
NOTES = {"x86_64": ("IBT", "SHSTK"), "aarch64": ("BTI", "PAC")}[os.uname().machine]


def output(*command, file=LIBRARY):
    return subprocess.run([*command, file], check=True, text=True,
                          capture_output=True).stdout


def hooked():
    return set(re.findall(r"^(?:CALL|LATE|KIN)\((\w+)",
                          (HOOK / "calls.h").read_text(), re.M))


def notes(file):
    return set(re.findall(r"\b[A-Z]{3,}\b", " ".join(re.findall(
        r"feature: (.*)", output("readelf", "-nW", file=file)))))


def test_names():
    """A name more would stand in the way of one of the host's own."""
    exported = set(re.findall(r" \w (\w+)", output("nm", "-D", "--defined-only")))
    strange = {name for name in exported ^ hooked()
               if not name.startswith(("dnstapshim_", "DNSTAPSHIM_"))}
    assert exported and not strange, strange
    return f"{len(exported)} names"


def test_called():
    """Each of libc's is called by one of the hosts."""
    hosts = "".join(path.read_text() for path in HOSTS.glob("*.[ch]"))
    uncalled = hooked() - set(re.findall(r"\w+", hosts))
    assert not uncalled, uncalled


def test_needed():
    """A library more that is missing would stop every process from starting."""
    assert re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d")) == ["libc.so.6"]


def test_glibc():
    versions = {tuple(map(int, version.split(".")))
                for version in re.findall(r"GLIBC_([\d.]+)", output("readelf", "-V"))}
    here = tuple(map(int, os.confstr("CS_GNU_LIBC_VERSION").split()[1].split(".")))
    assert max(versions) <= (GLIBC if here <= DEBIAN12 else here), max(versions)
    return f"needs GLIBC_{'.'.join(map(str, max(versions)))}"


def test_notes():
    """The loader takes a protection from a process in which one object lacks its
    note. Indirect branches: as far as the static libraries have it, too."""
    objects = [path for part in ("shim", "proto", "config")
               for path in (BUILD / part).rglob("*.o")]
    assert len(objects) > 50, objects
    lacking = [path.name for path in objects if not notes(path) >= set(NOTES)]
    assert not lacking, lacking
    if "SHSTK" in NOTES:
        assert "SHSTK" in notes(LIBRARY), notes(LIBRARY)
    return f"the library: {', '.join(sorted(notes(LIBRARY))) or 'none'}"


def test_hardened():
    """As Debian builds: dnstapshim reads what strangers send."""
    for file in BUILD / "shim/hook/io.o", BUILD / "cli/read/fields.o":
        assert "__stack_chk_fail" in output("nm", file=file)
    for file in LIBRARY, cli.COMMAND:
        assert "GNU_RELRO" in output("readelf", "-lW", file=file)
        assert "BIND_NOW" in output("readelf", "-dW", file=file)
    assert re.search(r"FLAGS_1.* PIE", output("readelf", "-dW", file=cli.COMMAND))
    assert "__snprintf_chk" in output("nm", "-D", file=cli.COMMAND)


@each(["-D_FORTIFY_SOURCE=2", "-Wp,-D_FORTIFY_SOURCE=3"])
def test_unfortified(flag):
    """However a distribution has its compiler fortify, nothing of it is in what runs
    within a host."""
    build = f"{namespace.ROOM}/build"
    objects = f"{build}/shim/tap/idle.o", f"{build}/shim/hook/io.o"
    subprocess.run(["make", "-s", "-C", str(HOOK.parents[1]), f"B={build}",
                    f"CFLAGS=-O2 {flag}", *objects], check=True)
    for file in objects:
        assert not re.findall(r"U __\w+_chk\b", output("nm", file=file))


def test_segments():
    stack, = re.findall(r"GNU_STACK.*\n?.* (RWE?) ", output("readelf", "-lW"))
    assert stack == "RW", "executable stack"
    dynamic = output("readelf", "-d")
    assert "TEXTREL" not in dynamic, "text relocations"
    assert "NOW" in dynamic and "NODELETE" in dynamic, dynamic
