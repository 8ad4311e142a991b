# SPDX-License-Identifier: Apache-2.0
"""Other kernels: old ones, those of sandboxes, and those that run short. What a server
does on them by itself it does with the library, and its log is complete."""

import errno
import os
from dataclasses import replace

from harness import host, load, servers
from harness.collector import Collector
from harness.each import each
from harness.namespace import ROOM
from harness.process import program
from harness.scene import Scene

SO_PEERNAME = 28
RECORDERS = f"{ROOM}/recorders"

# What the kernel refuses, and how; what the servers here can do without.
REFUSED = {
    "recvmsg": ["recvmsg=ENOSYS"],
    "recvmsg_not_allowed": ["recvmsg=EPERM"],
    "peer_name": [f"getsockopt:{SO_PEERNAME}=ENOPROTOOPT"],  # gVisor
    "tables": ["close_range=ENOSYS", "unshare=EPERM"],
    "wake": ["tgkill=EPERM"],
    "signalfd": ["signalfd4=ENOSYS"],
    "sigtimedwait": ["rt_sigtimedwait=ENOSYS"],
    "stack": ["sigaltstack=ENOSYS"],
    "madvise": ["madvise=EINVAL"],
    "names": ["prctl=EINVAL"],
    "clone3": ["clone3=ENOSYS"],
    "robust_list": ["get_robust_list=ENOSYS"],
    "random": ["getrandom=ENOSYS"],
    "rename": ["renameat2=ENOSYS"],
    "poll": ["ppoll=ENOSYS"],
    "poll_memory": ["ppoll=ENOMEM"],
}
SERVERS = "tinydns", "dnsmasq", "nsd", "unbound", "knotd", "named"
# What they themselves do not begin, answer or end without: so it is bare.
NEEDS = {*(("recvmsg", name) for name in SERVERS if name != "tinydns"),
         ("random", "nsd"), ("random", "named"), ("random", "unbound"),
         ("poll", "nsd"), ("sigtimedwait", "named")}


def on_kernel(name, refused):
    """That server, on a kernel that refuses this."""
    kernel = host.build("kernel")
    calls = ",".join(f"{call}={getattr(errno, error)}" for call, error in
                     (one.split("=") for one in refused))
    words = servers.SERVERS[name].command.split(" ", 1)
    command = " ".join([kernel, calls, program(words[0]), *words[1:]])
    return replace(servers.SERVERS[name], command=command)


def check(name, server, **settings):
    collector = Collector(port=6000 if server.chroot else None)
    scene = Scene(name, f"dnstap {collector.endpoint} full", variant=server, **settings)
    load.udp(scene.server.addresses, 300, load.Mix(name))
    if server.tcp:
        load.tcp(scene.server.addresses, 40, load.Mix(f"{name} tcp"))
    scene.stop(collector)
    return scene.check(collector.taps(orderly=server.lingers))


@each(f"{what}.{name}" for what in REFUSED for name in SERVERS
      if (what.partition("_")[0], name) not in NEEDS)
def test_refused(which):
    what, name = which.split(".")
    return check(name, on_kernel(name, REFUSED[what]))


def test_recorded():
    """There is a flight recorder, and nothing that notes what was sent by itself."""
    os.mkdir(RECORDERS)
    server = on_kernel("dnsmasq", ["sendmmsg=ENOSYS"])
    return check("dnsmasq", server, DNSTAP_RECORDER=RECORDERS)
