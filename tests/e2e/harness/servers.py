# SPDX-License-Identifier: Apache-2.0
"""Debian's DNS servers: how each is configured, started and stopped.

In the texts $room, $v4, $v6 and $upstream stand for the server's directory, its
addresses and the server that it forwards to; $native for its own dnstap.
"""

import os
import shlex
import socket
import subprocess
from dataclasses import dataclass, field, replace

from . import dns, load, namespace, zone
from .process import ENVIRONMENT, LeftOut, Process, program, until

LIBRARY = os.environ.get("DNSTAPSHIM", "")  # tests/e2e/run sets it


@dataclass(frozen=True)
class Server:
    command: str
    files: dict = field(default_factory=dict)  # name: text
    prepare: str = ""  # a command to run first
    environment: dict = field(default_factory=dict)
    inet6: bool = True
    dual_stack: bool = False  # IPv4 clients are at its IPv6 sockets
    tcp: bool = True
    upstream: bool = False  # it forwards what it is asked
    chroot: bool = False  # it sees no unix socket of ours
    lingers: bool = True  # SIGTERM does not kill it on the spot
    ignore: bytes = b""  # what it sends to itself to wake its threads up
    native: str = ""  # what switches on its own dnstap, to the socket $tap
    header: bytes = b""  # without which it answers no datagram


SERVERS = {
    "named": Server(
        "named -g -n 2 -c $room/named.conf",
        {"named.conf": """
options {
    directory "$room"; listen-on { $v4; }; listen-on-v6 { $v6; };
    recursion no; pid-file none; session-keyfile none; dnssec-validation no;
    notify no; allow-update { none; }; allow-transfer { any; }; rrset-order { order none; };
    $native
};
controls { };
zone "test" { type primary; file "zone"; };
"""}, native='dnstap { all; }; dnstap-output unix "$tap";'),
    "knotd": Server(
        "knotd -c $room/knot.conf",
        {"knot.conf": """
server:
    listen: [ $v4@53, $v6@53 ]
    rundir: $room
    udp-workers: 2
database:
    storage: $room
$native
zone:
  - domain: test.
    file: $room/zone
    zonefile-sync: -1
    journal-content: none
"""}, native="""
mod-dnstap:
  - id: default
    sink: unix:$tap
template:
  - id: default
    global-module: mod-dnstap/default
"""),
    "nsd": Server(
        "nsd -d -c $room/nsd.conf",
        {"nsd.conf": """
server:
    ip-address: $v4
    ip-address: $v6
    username: ""
    chroot: ""
    database: ""
    server-count: 2
    rrl-ratelimit: 0
    pidfile: $room/nsd.pid
    xfrdfile: $room/nsd.xfrd
    zonelistfile: $room/nsd.zones
    xfrdir: $room
remote-control:
    control-enable: no
zone:
    name: test
    zonefile: $room/zone
"""}),
    "unbound": Server(
        "unbound -d -c $room/unbound.conf",
        {"unbound.conf": """
server:
    interface: $v4
    interface: $v6
    access-control: 0.0.0.0/0 allow_snoop
    access-control: ::/0 allow_snoop
    access-control: 127.0.0.0/8 allow_snoop
    access-control: ::1 allow_snoop
    num-threads: 2
    username: ""
    chroot: ""
    directory: "$room"
    pidfile: ""
    use-syslog: no
    do-not-query-localhost: no
    module-config: "iterator"
    local-zone: "test." nodefault
forward-zone:
    name: "."
    forward-addr: $upstream
$native
"""}, upstream=True, native="""
dnstap:
    dnstap-enable: yes
    dnstap-socket-path: "$tap"
    dnstap-log-client-query-messages: yes
    dnstap-log-client-response-messages: yes
    dnstap-log-resolver-query-messages: yes
    dnstap-log-resolver-response-messages: yes
    dnstap-log-forwarder-query-messages: yes
    dnstap-log-forwarder-response-messages: yes
"""),
    "pdns_server": Server(
        "pdns_server --daemon=no --guardian=no --config-dir=$room",
        {"pdns.conf": """
launch=bind
bind-config=$room/bind.conf
socket-dir=$room
local-address=$v4,$v6
security-poll-suffix=
receiver-threads=2
""", "bind.conf": 'zone "test" { type native; file "$room/zone"; };\n'},
        lingers=False),
    "dnsmasq": Server(
        "dnsmasq -k -C /dev/null -p 53 --listen-address=$v4 --listen-address=$v6 "
        "--bind-interfaces --no-resolv --no-hosts --server=$upstream -u root "
        "--pid-file= --dns-forward-max=1000", upstream=True),
    "tinydns": Server(
        "tinydns", {"data": zone.tinydns()}, prepare="tinydns-data", inet6=False,
        environment={"ROOT": "$room", "IP": "$v4", "UID": "0", "GID": "0"},
        tcp=False, chroot=True, lingers=False),
    "pdns_recursor": Server(
        "pdns_recursor --daemon=no --config-dir=$room",
        {"recursor.conf": """
forward-zones=.=$upstream
dont-query=
dnssec=off
local-address=$v4,$v6
security-poll-suffix=
socket-dir=$room
threads=2
"""}, prepare="""sh -c 'rec_control show-yaml recursor.conf >recursor.yml \
        2>/dev/null || rm recursor.yml'""",  # which 5 takes if it is there
        upstream=True, lingers=False),
    "gdnsd": Server(
        "gdnsd -c $room start",
        {"config": """
options => {
    listen => [ "$v4", "$v6" ]
    run_dir => $room/run
    state_dir => $room/state
    udp_threads => 2
}
""", "zones/test": zone.master()}, prepare="mkdir -p run state", lingers=False),
    "yadifad": Server(
        "yadifad -c $room/yadifad.conf",
        {"yadifad.conf": """
<main>
    daemon off
    datapath $room
    keyspath $room
    logpath $room
    xfrpath $room
    pidfile $room/yadifad.pid
    listen $v4, $v6
    port 53
    uid 0
    gid 0
</main>
<zone>
    domain test
    type master
    file zone
</zone>
"""}, ignore=b"\xff" * 4 + bytes(8)),
    "rbldnsd": Server(
        "rbldnsd -n -q -b $v4/53 -b $v6/53 -r $room test:generic:generic",
        {"generic": zone.rbldnsd()}, tcp=False, chroot=True),
    "dnsdist": Server(
        "dnsdist --supervised --disable-syslog -C $room/dnsdist.conf",
        {"dnsdist.conf": """
setLocal('$v4:53')
addLocal('[$v6]:53')
setACL({'0.0.0.0/0', '::/0'})
setSecurityPollSuffix('')
newServer({address='$upstream:53'})
getServer(0):setUp()
"""}, upstream=True, lingers=False),
    "kresd": Server(
        "kresd -n -c $room/kresd.conf $room",
        {"kresd.conf": """
net.listen({'$v4', '$v6'}, 53)
policy.add(policy.all(policy.FORWARD('$upstream')))
trust_anchors.remove('.')
"""}, upstream=True),
    "smartdns": Server(
        "smartdns -f -p - -c $room/smartdns.conf",
        {"smartdns.conf": """
bind $v4:53
bind [$v6]:53
bind-tcp $v4:53
bind-tcp [$v6]:53
server $upstream
log-file $room/smartdns.log
cache-persist no
speed-check-mode none
dualstack-ip-selection no
"""}, upstream=True),
}


def variant(name, *changes, file=None, **fields):
    """A server of the table with its configuration changed: (old, new) texts of
    one of its files, and fields that replace its own."""
    files = dict(SERVERS[name].files)
    for old, new in changes:
        assert old in files[file], f"{name}: no {old}"
        files[file] = files[file].replace(old, new)
    return replace(SERVERS[name], **{"files": files, **fields})


def is_yadifa(name, version):
    return name == "yadifad" and subprocess.run(
        [program(name), "-V"], text=True, check=True,
        capture_output=True).stdout.startswith(f"yadifad {version}")


def odd(name):
    """How many of a hundred queries may be strange ones: once YADIFA 3 has seen some it
    leaves others without an answer, with the library and without."""
    return 0 if is_yadifa(name, "3.") else 10


def want_native(name):
    """Its own dnstap has to be built in. Ubuntu's named has none."""
    if name == "named" and "protobuf-c" not in subprocess.run(
            [program(name), "-V"], text=True, check=True, capture_output=True).stdout:
        raise LeftOut("this server has no dnstap of its own")


def tap_environment(tap, **settings):
    """What preloads the library with this configuration. A setting of None: it is not
    there. At the end there is time, also on a busy machine, unless a test is about that."""
    assert os.path.exists(LIBRARY), f"{LIBRARY} is not built"
    environment = {"LD_PRELOAD": LIBRARY, "DNSTAP_CONFIG": tap,
                   "DNSTAP_EXIT_MS": "60000", **settings}
    return {name: value for name, value in environment.items() if value is not None}


class Running:
    """A server that answers. `environment` is for this server only; `variant`
    stands in for the one that the table has under the name."""

    def __init__(self, name, environment=None, address=namespace.SERVER4, native="",
                 variant=None):
        if is_yadifa(name, "2.6.5"):
            raise LeftOut("Ubuntu's YADIFA crashes as it starts, as without the library")
        self.server, self.native = variant or SERVERS[name], native
        self.room = f"{namespace.ROOM}/{name}-{address}"
        self.addresses = [address]
        if self.server.inet6 and address == namespace.SERVER4:
            self.addresses.append(namespace.SERVER6)
        os.makedirs(self.room, exist_ok=True)
        for file, text in {"zone": zone.master(), **self.server.files}.items():
            path = f"{self.room}/{file}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as out:
                out.write(self._fill(text))
        if self.server.prepare:
            words = shlex.split(self.server.prepare)
            subprocess.run([program(words[0]), *words[1:]], cwd=self.room, check=True,
                           env=ENVIRONMENT)
        words = shlex.split(self._fill(self.server.command))
        own = {k: self._fill(v) for k, v in self.server.environment.items()}
        self.process = Process([program(words[0]), *words[1:]], environment={
            **own, **(environment or {})}, name=name)
        for one in self.addresses:
            until(lambda: self.process.alive() and self._answers(one), name)
        if environment:
            with open(f"/proc/{self.process.child.pid}/maps") as maps:
                assert LIBRARY in maps.read(), "the library was not loaded"

    def _fill(self, text):
        v6 = namespace.SERVER6 if len(self.addresses) > 1 else "::1"
        for key, value in {"native": self.server.native if self.native else "",
                           "tap": self.native, "room": self.room, "v6": v6,
                           "v4": self.addresses[0],
                           "upstream": namespace.UPSTREAM}.items():
            text = text.replace(f"${key}", value)
        return text

    def _wildcards(self):
        """dnsmasq drops what comes to the first before it has made the second."""
        if self.server.dual_stack:
            return {"::"}
        return {"0.0.0.0", "::"} if self.server.inet6 else {"0.0.0.0"}

    def _answers(self, address):
        """Asks once the port is bound: no query must go astray."""
        bound = {one for one, _, _ in udp_sockets()}
        if address not in bound and not self._wildcards() <= bound:
            return False
        asking = load.clients(address)
        try:
            answer, = asking.ask([load.Query(dns.query(1, "host1.test", rd=True), True,
                                             self.server.header)])
            return dns.flags(answer) & 15 == 0
        finally:
            asking.close()

    def settle(self, wire):
        """Until it has read and answered all that was sent to it."""
        until(lambda: not any(waiting for _, waiting, _ in udp_sockets()),
              "the server does not read")
        for address in self.addresses:
            assert self._answers(address)
        wire.quiet()
        lost = sum(dropped for _, _, dropped in udp_sockets())
        assert lost == 0, f"the load overflowed a socket buffer: {lost} messages"

    def stop(self):
        """Ends it, and awaits those of its processes that outlive the first, as nsd's
        do: only then they all have counted. Returns the seconds of the first."""
        seconds = self.process.stop()
        until(lambda: not any(self.process.session()), "processes are left")
        return seconds


def udp_sockets(port=53):
    """(address, octets waiting, datagrams dropped) of each socket on the port."""
    for path in "/proc/net/udp", "/proc/net/udp6":
        with open(path) as table:
            for row in list(table)[1:]:
                words = row.split()
                address, bound = words[1].split(":")
                if int(bound, 16) == port:
                    yield _address(address), int(words[4].split(":")[1], 16), \
                        int(words[-1])


def _address(text):
    """The kernel prints addresses as 32-bit words of the host's order."""
    raw = b"".join(int(text[at:at + 8], 16).to_bytes(4, "little")
                   for at in range(0, len(text), 8))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
