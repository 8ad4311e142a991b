# SPDX-License-Identifier: Apache-2.0
"""Servers under load: CPU per query and queries per second, each of them bare,
with its own dnstap, with the library, and with that and a flight recorder, in turns.

All variants of one server run at the same time on ports of their own; those that
are not asked are idle. Server and tap have one processor, the load generator and
the collector the other.
"""

import glob
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from statistics import median

NAMES = 1000
VARIANTS = "bare", "native", "shim", "recorder"
RATES = {"knotd": 80000, "nsd": 80000, "named": 60000, "unbound": 60000,
         "named-tls": 15000, "unbound-tls": 15000}
ROUNDS = 9
SECONDS = 1.5  # at the given rate
FULL_ROUNDS = 3  # as fast as they can
SERVER_CPU, LOAD_CPU = "0", "1"
TMPFS = "/dev/shm"  # where a flight recorder is to be
PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"

NAMED = """
%(tls)s
options { directory "%(room)s"; listen-on port %(port)s %(listen)s { 127.0.0.1; };
    listen-on-v6 { none; }; recursion no; pid-file none; session-keyfile none;
    dnssec-validation no; notify no; minimal-responses yes; %(native)s };
controls { };
zone "bench.test" { type primary; file "%(zone)s"; };
"""
NAMED_TLS = """
tls bench { cert-file "%(cert)s"; key-file "%(key)s"; };
"""
UNBOUND_TLS = """
    tls-port: %(port)s
    tls-service-pem: "%(cert)s"
    tls-service-key: "%(key)s"
"""
KNOT = """
server:
    listen: 127.0.0.1@%(port)s
    rundir: %(room)s
    udp-workers: 1
database:
    storage: %(room)s
%(native)s
zone:
  - domain: bench.test.
    file: %(zone)s
    zonefile-sync: -1
    journal-content: none
"""
NSD = """
server:
    ip-address: 127.0.0.1@%(port)s
    username: ""
    chroot: ""
    database: ""
    server-count: 1
    rrl-ratelimit: 0
    pidfile: %(room)s/nsd.pid
    xfrdfile: %(room)s/nsd.xfrd
    zonelistfile: %(room)s/nsd.zones
    xfrdir: %(room)s
remote-control:
    control-enable: no
zone:
    name: bench.test
    zonefile: %(zone)s
%(native)s
"""
UNBOUND = """
server:
    interface: 127.0.0.1@%(port)s
    num-threads: 1
    username: ""
    chroot: ""
    directory: "%(room)s"
    pidfile: ""
    use-syslog: no
    module-config: "iterator"
%(tls)s
auth-zone:
    name: bench.test
    zonefile: %(zone)s
    for-upstream: no
%(native)s
"""

# Over TLS: what the configuration has for it, and the load generator.
TLS = {"named-tls": NAMED_TLS, "unbound-tls": UNBOUND_TLS}
OVER_TLS = ["-m", "dot", "-c", "10"]

# name: command, configuration, what switches its own dnstap on.
SERVERS = {
    "knotd": ("knotd -c %s", KNOT, """
mod-dnstap:
  - id: default
    sink: unix:%(tap)s
template:
  - id: default
    global-module: mod-dnstap/default
"""),
    "named": ("named -f -n 1 -c %s", NAMED,
              'dnstap { all; }; dnstap-output unix "%(tap)s";'),
    "unbound": ("unbound -d -c %s", UNBOUND, """
dnstap:
    dnstap-enable: yes
    dnstap-bidirectional: yes
    dnstap-socket-path: "%(tap)s"
    dnstap-log-client-query-messages: yes
    dnstap-log-client-response-messages: yes
"""),
    "nsd": ("nsd -d -c %s", NSD, """
dnstap:
    dnstap-enable: yes
    dnstap-socket-path: "%(tap)s"
    dnstap-log-auth-query-messages: yes
    dnstap-log-auth-response-messages: yes
"""),
}
for over_tls in TLS:
    SERVERS[over_tls] = SERVERS[over_tls.removesuffix("-tls")]


def free_port():
    """For UDP and TCP, of which connections may linger."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
                return tcp.getsockname()[1]
            except OSError:
                continue


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return path


def write_zone(room):
    hosts = "".join(f"h{i} A 192.0.2.{i % 250 + 1}\n" for i in range(NAMES))
    write(f"{room}/queries",
          "".join(f"h{i}.bench.test A\n" for i in range(NAMES)))
    return write(f"{room}/zone", f"""$ORIGIN bench.test.
$TTL 3600
@ SOA ns hostmaster 1 3600 900 604800 300
@ NS ns
ns A 192.0.2.1
{hosts}""")


def write_certificate(room):
    """Of a key that makes handshakes cheap: they are not what is measured."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec",
                    "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", f"{room}/key.pem", "-out", f"{room}/cert.pem",
                    "-days", "2", "-subj", "/CN=bench.test"], check=True,
                   capture_output=True)


def on(cpu):
    """What a command begins with that is to run there; None: anywhere."""
    return ["taskset", "-c", cpu] if cpu else []


class Sink:
    """bench/sink on a socket of its own, and what it printed at its end."""

    def __init__(self, build, path, *arguments, cpu=LOAD_CPU):
        self.path = path
        self.child = subprocess.Popen(
            [*on(cpu), f"{build}/bench/sink", path, *arguments],
            stdout=subprocess.PIPE, text=True)
        self.child.stdout.readline()

    def stop(self):
        self.child.terminate()
        return values_of(self.child.communicate()[0])


def values_of(text):
    """The lines `name value` of a program's output."""
    return {name: float(value)
            for name, value in re.findall(r"^([\w.]+) (-?[\d.]+)$", text, re.M)}


class Variant:
    """One server, started one way; `cpus`: where it runs, and where its load and
    collector do; `under`: what its command begins with."""

    def __init__(self, build, room, zone, server, variant,
                 cpus=(SERVER_CPU, LOAD_CPU), under=()):
        command, text, native = SERVERS[server]
        self.port, self.sink, self.cpus = free_port(), None, cpus
        own = tempfile.mkdtemp(prefix=f"{server}-{variant}-", dir=room)
        os.chmod(own, 0o755)
        place = {"room": own, "zone": zone, "tap": f"{own}.sock",
                 "port": self.port}
        if variant != "bare":
            self.sink = Sink(build, place["tap"], cpu=cpus[1])
        place.update(cert=f"{room}/cert.pem", key=f"{room}/key.pem")
        place["native"] = native % place if variant == "native" else ""
        place["tls"] = TLS.get(server, "") % place
        place["listen"] = "tls bench" if server in TLS else ""
        self.transport = OVER_TLS if server in TLS else []
        config = write(f"{place['room']}/conf", text % place)
        # A copy: no AppArmor profile of the service's applies to it.
        words = (command % config).split()
        words[0] = subprocess.check_output(
            ["which", words[0]], text=True, env={"PATH": PATH}).strip()
        copy = f"{place['room']}/{os.path.basename(words[0])}"
        subprocess.check_call(["cp", words[0], copy])
        environment = {"PATH": PATH}
        if variant in ("shim", "recorder"):
            environment.update(
                LD_PRELOAD=f"{build}/libdnstapshim.so",
                DNSTAP_CONFIG=f"dnstap {place['tap']} full",
                DNSTAP_PORTS=str(self.port),
                DNSTAP_TLS_PORTS=str(self.port) if server in TLS else "off")
        self.recorders = None
        if variant == "recorder":
            self.recorders = tempfile.TemporaryDirectory(dir=TMPFS)
            environment["DNSTAP_RECORDER"] = self.recorders.name
        with open(f"{place['room']}/log", "w") as log:
            self.child = subprocess.Popen(
                [*on(cpus[0]), *under, copy, *words[1:]],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment, start_new_session=True)
        self.queries = f"{room}/queries"
        self.await_answer()

    def await_answer(self):
        deadline = time.monotonic() + 20
        while not self.load(["-l", "0.2", "-q", "1", "-c", "1"])[0]:
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.child.args} does not answer")
            time.sleep(0.1)

    def load(self, arguments):
        """Runs dnsperf. Returns queries completed and queries a second."""
        text = subprocess.run(
            [*on(self.cpus[1]), "dnsperf", "-s", "127.0.0.1", "-p",
             str(self.port), "-d", self.queries, "-t", "1", *self.transport,
             *arguments],
            capture_output=True, text=True).stdout
        completed = re.search(r"Queries completed:\s+(\d+)", text)
        per_second = re.search(r"Queries per second:\s+([\d.]+)", text)
        return (int(completed[1]) if completed else 0,
                float(per_second[1]) if per_second else 0.0)

    def tasks(self):
        """(name, nanoseconds of CPU) of each thread of the server's processes."""
        found = []
        for task in glob.glob("/proc/[0-9]*/task/[0-9]*"):
            try:
                with open(f"{task}/stat") as file:
                    name, rest = file.read().rsplit(")", 1)
                if int(rest.split()[3]) != self.child.pid:  # the session
                    continue
                with open(f"{task}/schedstat") as file:
                    found.append((name.split("(", 1)[1], int(file.read().split()[0])))
            except OSError:
                continue
        return found

    def used(self):
        """Nanoseconds of CPU of all the server's threads, and of the tap's."""
        tasks = self.tasks()
        tap = sum(ns for name, ns in tasks if name == "dnstapshim")
        return sum(ns for _, ns in tasks) - tap, tap

    def cost(self, rate):
        """Microseconds a query: of the server's threads, of the tap's."""
        before = self.used()
        completed, _ = self.load(["-l", str(SECONDS), "-Q", str(rate)])
        after = self.used()
        return [(b - a) / 1e3 / completed for a, b in zip(before, after)]

    def stop(self):
        os.killpg(self.child.pid, signal.SIGTERM)
        try:
            self.child.wait(10)
            for _ in range(200):  # what it has forked ends behind it
                if not self.tasks():
                    break
                time.sleep(0.05)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
        if self.recorders:
            self.recorders.cleanup()
        return self.sink.stop() if self.sink else {}


def spread(values):
    return {"median": median(values), "low": min(values), "high": max(values)}


def added(samples, variant, which):
    """What a variant adds, round by round: neighbours in time are compared."""
    return spread([more - less for more, less in zip(
        samples[variant][which], samples["bare"][which])])


def measure(build, room, zone, server, progress):
    """Returns variant: {own, tap, sum, added_own, added_sum: µs a query, qps,
    frames}, each with its median and spread but for the frames logged."""
    running = {variant: Variant(build, room, zone, server, variant)
               for variant in VARIANTS}
    samples = {v: {"own": [], "tap": [], "sum": [], "qps": []} for v in VARIANTS}
    for turn in range(ROUNDS):
        progress(f"{server}: {RATES[server]} queries a second, "
                 f"round {turn + 1} of {ROUNDS}")
        for variant, one in running.items():
            own, tap = one.cost(RATES[server])
            samples[variant]["own"].append(own)
            samples[variant]["tap"].append(tap)
            samples[variant]["sum"].append(own + tap)
    for turn in range(FULL_ROUNDS):
        progress(f"{server}: as many as it can, "
                 f"round {turn + 1} of {FULL_ROUNDS}")
        for variant, one in running.items():
            samples[variant]["qps"].append(
                one.load(["-l", str(SECONDS)])[1])
    result = {v: {name: spread(values) for name, values in s.items()}
              for v, s in samples.items()}
    for variant, one in running.items():
        result[variant]["added_own"] = added(samples, variant, "own")
        result[variant]["added_sum"] = added(samples, variant, "sum")
        result[variant]["frames"] = one.stop().get("frames", 0)
    return result
