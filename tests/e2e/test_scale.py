# SPDX-License-Identifier: Apache-2.0
"""Three servers, one collector, and PostgreSQL behind it, by the scripts in
config/collectors/postgresql."""

import glob
import os
import pathlib
import shutil
import signal
import subprocess

from harness import dns, load, namespace, servers
from harness.metrics import SETTING, Metrics
from harness.process import PATH, Process, until

SOURCE = pathlib.Path(__file__).parents[2]
SCRIPTS = SOURCE / "config/collectors/postgresql"
BUILD = pathlib.Path(os.environ.get("DNSTAPSHIM_BUILD", "build")).resolve()
SOCKET = f"{namespace.ROOM}/dnstap.sock"
SPOOL = f"{namespace.ROOM}/spool"
ADDRESSES = {"named": namespace.SERVER4, "unbound": "127.0.0.12", "dnsmasq": "127.0.0.13"}
VARIANTS = {  # nsd, which two of them ask, is at ::1
    "named": servers.variant("named", ("{ $v6; }", "{ none; }"), file="named.conf",
                             inet6=False),
    "unbound": servers.variant("unbound", ("    interface: $v6\n", ""),
                               file="unbound.conf", inet6=False),
    "dnsmasq": servers.variant("dnsmasq", inet6=False, command=servers.SERVERS[
        "dnsmasq"].command.replace(" --listen-address=$v6", ""))}
QUERIES = 1000
HOT = "hot.test"


class Database:
    """A PostgreSQL of the test's own."""

    def __init__(self):
        self.path = f"{namespace.ROOM}/database"
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        assert found, "PostgreSQL is not installed: run tests/setup check"
        self.programs = found[-1]
        self.environment = {"PGHOST": self.path, "PGUSER": "postgres",
                            "PGDATABASE": "postgres"}
        os.mkdir(self.path)
        shutil.chown(self.path, "postgres")
        self._run("initdb", "-A", "trust", "--no-sync", "-D", self.path)
        self.start()

    def _run(self, name, *arguments):
        subprocess.run(["runuser", "-u", "postgres", "--", f"{self.programs}/{name}",
                        *arguments], check=True, capture_output=True, cwd=self.path)

    def start(self):
        self.process = Process(["runuser", "-u", "postgres", "--",
                                f"{self.programs}/postgres", "-D", self.path, "-k",
                                self.path, "-c", "listen_addresses="], name="postgres")
        until(lambda: self.process.alive() and self._says("select 1").returncode == 0,
              "PostgreSQL")

    def crash(self):
        """As if the machine had: what it was about to do is undone."""
        self._run("pg_ctl", "-D", self.path, "-m", "immediate", "stop")
        self.process.child.wait()

    def _says(self, words, flag="-c"):
        return subprocess.run(["psql", "-XAt", flag, words], capture_output=True,
                              text=True, env={"PATH": PATH, **self.environment})

    def ask(self, words, flag="-c"):
        said = self._says(words, flag)
        assert said.returncode == 0 and not said.stderr, said.stderr
        return said.stdout.splitlines()

    def script(self, name):
        return self.ask(str(SCRIPTS / name), "-f")

    def rows(self):
        return int(self.ask("select count(*) from dnstap")[0])


def collect(database):
    started = Process(["sh", str(SCRIPTS / "collect"), SOCKET, SPOOL], environment={
        **database.environment, "PATH": f"{BUILD}:{PATH}"}, name="collect")
    until(lambda: started.alive() and os.path.exists(SOCKET), "the collector")
    return started


def start(name):
    return servers.Running(name, servers.tap_environment(
        f"dnstap {SOCKET} full", DNSTAP_IDENTITY=name, **SETTING), ADDRESSES[name],
        variant=VARIANTS[name])


def spooled():
    return sum(pathlib.Path(path).read_bytes().count(b"\n")
               for path in glob.glob(f"{SPOOL}/*"))


def ask(seed):
    for name, address in ADDRESSES.items():
        load.udp([address], QUERIES, load.Mix(f"{seed} {name}"))


def hot(database):
    """Asks for one name more and more often, until it is the first of the last minute."""
    for address in ADDRESSES.values():
        asking = load.clients(address)
        asking.ask([load.Query(dns.query(n, HOT, rd=True), True) for n in range(30)])
        asking.close()
    top = database.script("top.sql")
    return top and top[0].split("|")[0] == HOT + "." and top


def put(name, text):
    """As a whole: somebody waits for files there."""
    pathlib.Path(f"{SPOOL}/.new").write_bytes(text)
    os.rename(f"{SPOOL}/.new", f"{SPOOL}/{name}")


def killed(collector):
    """With all its children, while it writes a line; and one of the files comes again."""
    again = min(until(lambda: glob.glob(f"{SPOOL}/*.json"), "a file"))
    os.killpg(collector.child.pid, signal.SIGKILL)
    collector.wait(None)
    until(lambda: not any(collector.session()), "its children")
    with open(f"{SPOOL}/current", "ab") as current:
        current.write(b'{"type":"CLIENT_')
    return os.path.basename(again), pathlib.Path(again).read_bytes()


def test_postgresql():
    """Every message is a row, once, although the database crashes and the collector is
    killed; and the names of the last minute are those that were asked for."""
    os.mkdir(SPOOL)
    database = Database()
    database.script("schema.sql")
    collector = collect(database)
    servers.Running("nsd", address=namespace.UPSTREAM)
    running = [start(name) for name in ADDRESSES]
    ask("first")
    top = until(lambda: hot(database), "the name is the first")
    assert top[0].split("|")[2:] == [str(len(namespace.CLIENTS4)), str(len(running))], top
    until(lambda: database.rows() == Metrics().count["sent_total"], "all rows")
    rows = database.rows()
    database.crash()
    ask("away")
    for server in running:
        server.stop()
    metrics = Metrics()
    metrics.check()
    sent = metrics.count["sent_total"]
    until(lambda: rows + spooled() == sent, "all are in files")
    name, text = killed(collector)
    put("garbage.json", b"no JSON\n")
    database.start()
    collector = collect(database)
    until(lambda: database.rows() == sent, "all rows")
    put(name, text)
    until(lambda: not glob.glob(f"{SPOOL}/*.json"), "nothing waits")
    collector.send(signal.SIGTERM)
    collector.wait(0)
    assert database.rows() == sent, (database.rows(), sent)
    assert glob.glob(f"{SPOOL}/*.refused") == [f"{SPOOL}/garbage.json.refused"]
    assert "a message was cut short" in collector.output(), collector.output()
    by = dict(line.split("|") for line in database.ask(
        "select identity, count(*) from dnstap group by identity"))
    assert set(by) == set(ADDRESSES), by
    return f"{sent} rows; {top[0]}"
