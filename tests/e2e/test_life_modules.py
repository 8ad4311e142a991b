# SPDX-License-Identifier: Apache-2.0
"""What a host loads while it runs: modules whose names lead elsewhere."""

import os
import pathlib
import re

from harness import cli, host, namespace
from harness.each import each

EACH = 40
MODULE = ("-DMODULE", "-shared", "-fPIC")
RUNPATH = ("-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN")
LAZY, NOW = ("-Wl,-z,lazy",), ("-Wl,-z,now", "-Wl,-z,relro")


def build():
    """The program, and the modules that its RUNPATH leads to."""
    host.build("deep", "-DOWN", "-shared", "-fPIC", to="libown.so")
    host.build("deep", *MODULE, *LAZY, to="liblazy.so")
    host.build("deep", *MODULE, *NOW, to="libnow.so")
    host.build("deep", *MODULE, *LAZY, *RUNPATH, "-DCLASH", "-Wl,--no-as-needed",
               f"-L{namespace.ROOM}", "-lown", to="libclash.so")
    host.build("deep", *MODULE, *NOW, "-DEARLY", to="libearly.so")
    return host.build("deep", *RUNPATH)


@each(("plain", "lazy", "now", "clash"))
def test_deep(scene):
    """RTLD_DEEPBIND keeps what it is for, and every message is logged."""
    running = host.Host(build(), scene)
    running.bound()
    shown = cli.good("inspect", running.process.child.pid)
    assert shown.startswith("yes: ") and "(NOT hooked)" not in shown, shown
    running.udp(EACH)
    running.end()
    return running.check()


@each(("space", "constructor"))
def test_past(scene):
    """What passes the library by does so in peace, and inspect tells."""
    running = host.Host(build(), scene)
    running.bound()
    shown = cli.good("inspect", running.process.child.pid)
    module = {"space": "libnow.so", "constructor": "libearly.so"}[scene]
    assert re.match(rf"partly: .*: {module} calls \w+ and others past the library",
                    shown), shown
    assert re.search(rf"^  recvfrom .*\b{module} \(NOT hooked\)", shown, re.M), shown
    running.udp(EACH)
    running.end()
    assert not running.collector.taps(orderly=False)


SERVE = """<?php
$socket = socket_create(AF_INET, SOCK_DGRAM, SOL_UDP);
socket_bind($socket, "%s", 53);
for ($i = 0; $i < %d; $i++) {
    socket_recvfrom($socket, $message, 4096, 0, $address, $port);
    $message[2] = chr(ord($message[2]) | 0x80);
    socket_sendto($socket, $message, strlen($message), 0, $address, $port);
}
""" % (namespace.SERVER4, EACH)


def test_php():
    """It loads all of its modules so."""
    pathlib.Path(f"{namespace.ROOM}/serve.php").write_text(SERVE)
    running = host.Host("php", "serve.php")
    running.udp(EACH)
    running.end()
    return running.check()


def release(number, to):
    return host.build("secure", f"-DRELEASE={number}", "-shared", "-fPIC", "-Wl,-z,now",
                      "-Wl,-soname,libsecure.so", to=to)


def linked(*flags, to=None):
    """With the TLS library of the room."""
    return host.build("secure", *flags, *RUNPATH, f"-L{namespace.ROOM}", "-lsecure", to=to)


def test_tls_reloaded():
    """Another TLS library where one was unloaded, in a file of the same size."""
    release(1, "libsecure.so")
    linked(*MODULE, *NOW, to="libcalls.so")
    files = [pathlib.Path(release(n, f"libsecure.{n}")) for n in (1, 2)]
    size = max(file.stat().st_size for file in files)
    for file in files:  # lines of debugging may make one of them longer
        os.truncate(file, size)
    running = host.Host(host.build("secure", *RUNPATH), "reload")
    running.end()


def test_tls_writing():
    """A module to which somebody else still writes is not made read-only."""
    release(1, "libsecure.so")
    linked(*MODULE, *NOW, to="libcalls.so")
    host.Host(host.build("secure", *RUNPATH), "writing").end()


@each(("ahead", "behind"))
def test_tls_interposed(place):
    """A library that stands before the TLS library is called as ever, although nothing
    is bound before it is called."""
    release(1, "libsecure.so")
    before = host.build("secure", "-DBEFORE", "-shared", "-fPIC", to="libbefore.so")
    order = [before, host.servers.LIBRARY]
    running = host.Host(linked("-DCALLER", *LAZY), "before",
                        LD_PRELOAD=":".join(order if place == "ahead" else order[::-1]))
    running.end()
