# SPDX-License-Identifier: Apache-2.0
"""Sockets that the server did not make: as descriptors 0 and 1 under a
super-server, and by socket activation. The library learns what they are."""

import os
import pathlib
import socket
import subprocess
from dataclasses import replace

from harness import dns, dnstap, load, namespace, servers, zone
from harness.collector import Collector, listening
from harness.process import program, until
from harness.scene import Scene


def begin(collector):
    """A process for each connection, which is its standard input and output; tinydns
    answers UDP."""
    variant = replace(
        servers.SERVERS["tinydns"], tcp=True,
        command="sh -c 'setsid tcpserver -RHl0 $v4 53 axfrdns & exec tinydns'")
    scene = Scene("tinydns", f"dnstap {collector.endpoint} full", variant=variant)
    until(lambda: listening(53), "tcpserver")
    return scene


def test_axfrdns():
    """Processes that a super-server makes."""
    collector = Collector(port=6000)
    scene = begin(collector)
    address, = scene.server.addresses
    load.udp([address], 200, load.Mix("axfrdns"))
    load.tcp([address], 150, load.Mix("axfrdns tcp"))
    transfer = load.Connection(address)
    port = transfer.socket.getsockname()[1]
    transfer.send([load.framed([load.Query(dns.query(1, "test", "AXFR"), True)])])
    transfer.drain()
    # An octet outside of the stream does not make it look as if it had begun.
    urgent = load.Connection(address)
    urgent.socket.send(load.framed([load.Query(dns.query(2, "host1.test"), True)]) + b"!",
                       socket.MSG_OOB)
    urgent.answer()
    urgent.drain()
    scene.stop(collector)
    taps = collector.taps(orderly=False)
    transferred = [tap for tap in taps if tap.is_response and tap.query_port == port]
    assert len(transferred) > len(zone.RECORDS), "a message for each record"
    assert len(collector.connections) > 20, "a process for each connection"
    return scene.check(taps)


def test_fastopen():
    """RFC 7413: such a process has a query from the SYN before the connection is
    complete, and the kernel does not yet say that it waits."""
    with open("/proc/sys/net/ipv4/tcp_fastopen", "w") as setting:
        setting.write(str(0x603))  # of all listeners, without a cookie
    collector = Collector(port=6000)
    scene = begin(collector)
    query = load.Query(dns.query(3, "host1.test"), True)
    load.syn((namespace.NOWHERE, 4444), (scene.server.addresses[0], 53),
             load.framed([query]))
    collector.wait(2 + 2)  # tinydns was asked whether it is there
    taps = map(dnstap.decode, collector.frames)
    asked, answered = (tap for tap in taps if tap.query_port == 4444)
    assert asked.payload == query.message, asked
    assert answered.is_response and answered.protocol == "TCP", answered


def test_activated():
    """UDP and TCP sockets of both families, bound by somebody else."""
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    os.makedirs("/run/systemd/system")  # sd_booted(3)
    program("unbound")
    activate = pathlib.Path(servers.__file__).with_name("activate.py")
    unbound = servers.variant(
        "unbound", ("num-threads: 2", "num-threads: 1\n    use-systemd: yes\n"
                    "    do-daemonize: no"),
        file="unbound.conf",
        command=f"env /usr/bin/python3 {activate} $v4 $v6 -- "
                "$room/../unbound -d -c $room/unbound.conf")
    collector = Collector()
    scene = Scene("unbound", f"dnstap {collector.endpoint} full", variant=unbound)
    load.udp(scene.server.addresses, 300, load.Mix("activated"))
    load.tcp(scene.server.addresses, 100, load.Mix("activated tcp"))
    scene.stop(collector)
    return scene.check(collector.taps())
