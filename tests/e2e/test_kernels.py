# SPDX-License-Identifier: Apache-2.0
"""Other kernels: old ones, those of sandboxes, and those that run short. What a server
does on them by itself it does with the library, and its log is complete."""

import errno
from dataclasses import replace

from harness import host, load, servers
from harness.collector import Collector
from harness.each import each
from harness.process import program
from harness.scene import Scene

SO_PEERNAME = 28

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
# All but tinydns call it themselves.
NEEDS = {("recvmsg", name) for name in SERVERS if name != "tinydns"}


def on_kernel(name, refused):
    """That server, on a kernel that refuses this."""
    kernel = host.build("kernel")
    calls = ",".join(f"{call}={getattr(errno, error)}" for call, error in
                     (one.split("=") for one in refused))
    words = servers.SERVERS[name].command.split(" ", 1)
    command = " ".join([kernel, calls, program(words[0]), *words[1:]])
    return replace(servers.SERVERS[name], command=command)


@each(f"{what}.{name}" for what in REFUSED for name in SERVERS
      if (what.partition("_")[0], name) not in NEEDS)
def test_refused(which):
    what, name = which.split(".")
    server = on_kernel(name, REFUSED[what])
    collector = Collector(port=6000 if server.chroot else None)
    scene = Scene(name, f"dnstap {collector.endpoint} full", variant=server)
    load.udp(scene.server.addresses, 300, load.Mix(which))
    if server.tcp:
        load.tcp(scene.server.addresses, 40, load.Mix(f"{which} tcp"))
    scene.stop(collector)
    return scene.check(collector.taps(orderly=server.lingers))
