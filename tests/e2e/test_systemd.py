# SPDX-License-Identifier: Apache-2.0
"""Debian's units with the drop-ins, under a systemd of their own: users,
capabilities, seccomp filters and mount namespaces are as on a real machine."""

import collections
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess

from harness import namespace
from harness.process import PATIENCE
from harness.servers import LIBRARY

SOURCE = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("DNSTAPSHIM_BUILD", "build"))
MACHINE = pathlib.Path(f"{namespace.ROOM}/machine")

# unit: its address, its configuration, the text. All know the zone test.
SERVERS = {
    "nsd": ("127.0.1.1", "/etc/nsd/nsd.conf.d/test.conf", """
server:
    ip-address: 127.0.1.1
zone:
    name: test.
    zonefile: /etc/zone
"""),
    "knot": ("127.0.1.2", "/etc/knot/knot.conf", """
server:
    rundir: /run/knot
    user: knot:knot
    listen: 127.0.1.2@53
database:
    storage: /var/lib/knot
zone:
  - domain: test.
    file: /etc/zone
    zonefile-sync: -1
    journal-content: none
"""),
    "pdns": ("127.0.1.3", "/etc/powerdns/pdns.conf", """
launch=bind
bind-config=/etc/powerdns/zones
local-address=127.0.1.3
security-poll-suffix=
"""),
    "pdns-recursor": ("127.0.1.4", "/etc/powerdns/recursor.conf", """
local-address=127.0.1.4
forward-zones=.=127.0.1.1
dont-query=
dnssec=off
security-poll-suffix=
"""),
    "named": ("127.0.1.5", "/etc/bind/named.conf", """
options {
    directory "/var/cache/bind"; listen-on { 127.0.1.5; };
    listen-on-v6 { none; }; recursion no; dnssec-validation no;
};
zone "test" { type primary; file "/etc/zone"; };
"""),
    "unbound": ("127.0.1.6", "/etc/unbound/unbound.conf", """
server:
    interface: 127.0.1.6
    do-not-query-localhost: no
    module-config: "iterator"
    local-zone: "test." nodefault
forward-zone:
    name: "."
    forward-addr: 127.0.1.1
"""),
    "dnsmasq": ("127.0.1.7", "/etc/dnsmasq.conf", """
listen-address=127.0.1.7
bind-interfaces
no-resolv
server=127.0.1.1
"""),
}
FILES = {
    "/etc/zone": "$TTL 60\n@ SOA ns.test. hm.test. 1 2 3 4 5\n@ NS ns.test.\n"
                 "ns A 127.0.0.1\nwww A 192.0.2.1\n",
    "/etc/powerdns/zones": 'zone "test" { type native; file "/etc/zone"; };\n',
    "/etc/machine-id": 32 * "1" + "\n",
    "/etc/dnstapshim.conf": "dnstap /run/dnstap.sock full\n"
                            "dnstap /run/shown.sock full\n",
    # Debian's own is in a package of its own; this is what it comes to.
    "/etc/systemd/system/dnsmasq.service": """
[Service]
Type=forking
PIDFile=/run/dnsmasq/dnsmasq.pid
ExecStartPre=/usr/bin/install -d -o dnsmasq /run/dnsmasq
ExecStart=/usr/sbin/dnsmasq -x /run/dnsmasq/dnsmasq.pid -u dnsmasq
""",
    "/etc/systemd/system/collector.service": """
[Service]
ExecStart=/bin/sh -c 'exec dnstapshim read -u /run/shown.sock -m 666 -j >/out/log'
""",
    "/etc/systemd/system/ask.service": f"""
[Unit]
After=collector.service dnstap-collector.socket {" ".join(f"{unit}.service" for unit in SERVERS)}
[Service]
Type=oneshot
ExecStart=/bin/bash /etc/ask
ExecStopPost=/bin/systemctl exit --force
""",
    "/etc/systemd/system/test.target": f"""
[Unit]
Wants=collector.service dnstap-collector.socket ask.service {" ".join(f"{unit}.service" for unit in SERVERS)}
""",
    "/etc/ask": f"""
exec >/out/answers 2>/out/errors
units="{" ".join(SERVERS)}"
for address in {" ".join(address for address, *_ in SERVERS.values())}; do
    for protocol in notcp tcp; do
        echo "$address $protocol $(dig +short +$protocol @$address www.test)"
    done
done
for unit in $units; do
    echo "$unit $(systemctl is-active $unit)"
done
setpriv --reuid=nobody --regid=nogroup --clear-groups \\
    cat /run/*/*.prom /var/lib/nsd/*.prom >/out/metrics
for unit in named.service knot pdns nsd; do
    echo "$unit $(systemctl show -p MainPID --value $unit)"
    dnstapshim top -n 1 $unit
done >/out/top
echo "dnstap /run/dnstap.sock full {{
    identity reloaded
}}" >/etc/dnstapshim.conf
for unit in {" ".join(unit for unit in SERVERS if unit != "nsd")}; do
    systemctl reload $unit
    echo "$unit $(dnstapshim status $(systemctl show -P MainPID $unit) |
        grep -o 'identity .*')"
done >/out/reloaded
# PowerDNS dies of SIGTERM on the spot: all that it was asked is to be there.
for try in {{1..200}}; do
    [ $(grep -c '"127.0.1.[34]"' /out/log) -lt 8 ] || break
    sleep 0.05
done
rotate() {{
    systemctl start dnstap-rotate
    until [ -e /var/log/dnstap/dnstap.fstrm ]; do sleep 0.05; done
}}
rotate
systemctl stop $units
systemctl stop collector
rotate
systemctl stop dnstap-collector.socket dnstap-collector
systemctl is-failed dnstap-collector.service dnstap-rotate.service >/out/failed
[ ! -e /run/dnstap.sock ] || echo socket >>/out/failed
ls -l /var/log/dnstap/ >/out/files
for file in /var/log/dnstap/*; do
    case $file in
    *.gz) zcat "$file" ;;
    *) cat "$file" ;;
    esac | dnstapshim read -j - >>/out/collected
done
# What the unit of dnstap-compress@ says is done; a file that is written stays.
rm -r /var/log/dnstap /var/log/private/dnstap
install -d -o bind -g bind -m 750 /var/log/dnstap /var/log/dnstap/bind
echo "dnstap file:///var/log/dnstap/bind/dns.fstrm full {{
    rotate 1G 1h
    timestamps
}}" >/etc/dnstapshim.conf
systemctl start named
dig @127.0.1.5 www.test >/out/asked
until dnstapshim roll named >/out/rolled 2>&1; do sleep 0.05; done
until [ $(ls /var/log/dnstap/bind/*.fstrm* | wc -l) -ge 2 ]; do
    dig @127.0.1.5 www.test >/out/asked
    sleep 0.05
done
find /var/log/dnstap/bind -type f -exec touch -d '2 minutes ago' {{}} +
systemctl start dnstap-compress@bind.service
ls -l /var/log/dnstap/bind >/out/compressed
zcat /var/log/dnstap/bind/*.gz | dnstapshim read -j - >>/out/compressed
# All is undone as the drop-ins say.
rm -r /etc/systemd/system/*.service.d /etc/systemd/system/dnstap-*
systemctl daemon-reload
systemctl restart $units
for address in {" ".join(address for address, *_ in SERVERS.values())}; do
    dig +short +tries=9 +time=2 @$address www.test
done >/out/undone
grep -l libdnstapshim /proc/[0-9]*/maps >>/out/undone
journalctl --no-pager -o short >/out/journal
""",
}
# What would set this machine's kernel, or wait for devices.
MASKED = ("apparmor", "systemd-journal-flush", "systemd-logind", "systemd-sysctl",
          "systemd-modules-load", "systemd-networkd", "systemd-random-seed",
          "systemd-resolved", "systemd-timesyncd", "systemd-udev-trigger",
          "systemd-udevd", "systemd-update-utmp")
BOOT = r"""
set -e
mount --make-rprivate /
mount -t proc proc proc
mount --bind proc/sys proc/sys # the kernel is everybody's
mount -o remount,bind,ro proc/sys
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs dev
mkdir dev/shm dev/pts dev/mqueue dev/hugepages
mount -t devpts devpts dev/pts -o newinstance,ptmxmode=0666
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
mount --bind $1 out
pivot_root . old
umount -l /old
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin /lib/systemd/systemd \
    --system --unit=test.target --log-target=null --show-status=no
"""


def as_yaml(path):
    """What the PowerDNS Recursor reads from 5.2 on; an older one cannot convert it."""
    converted = subprocess.run(["rec_control", "show-yaml", path], capture_output=True)
    if not converted.returncode:
        path.write_bytes(converted.stdout)


def build_machine():
    """This machine's files under a layer of the test's own."""
    layers = pathlib.Path(f"{namespace.ROOM}/layers")
    for directory in layers, MACHINE, pathlib.Path(f"{namespace.ROOM}/out"):
        directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", layers], check=True)
    upper = layers / "upper"
    (layers / "work").mkdir()
    for directory in "out", "old":
        (upper / directory).mkdir(parents=True)
    texts = FILES | {path: text for _, path, text in SERVERS.values()}
    for name, text in texts.items():
        path = upper / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    as_yaml(upper / SERVERS["pdns-recursor"][1][1:])
    units = upper / "etc/systemd/system"
    for unit in MASKED:
        (units / f"{unit}.service").symlink_to("/dev/null")
    shutil.copytree(SOURCE / "config/systemd", units, dirs_exist_ok=True)
    for drop_in in units.glob("*.d/dnstapshim.conf"):
        drop_in.write_text(re.sub(r"(?m)^#(?=Env)", "", drop_in.read_text()))
    where = upper / f"usr/lib/{os.uname().machine}-linux-gnu"
    where.mkdir(parents=True)
    shutil.copy2(LIBRARY, where)
    (upper / "usr/bin").mkdir()
    shutil.copy2(BUILD / "dnstapshim", upper / "usr/bin")
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir="
                    f"{upper},workdir={layers}/work", MACHINE], check=True)


def boot():
    subprocess.run(["ip", "address", "add", "127.0.1.5/8", "dev", "lo"], check=True)
    out = pathlib.Path(f"{namespace.ROOM}/out")
    subprocess.run(["unshare", "--mount", "--pid", "--cgroup", "--uts", "--ipc",
                    "--fork", "--kill-child", "bash", "-c", BOOT, "boot", out],
                   cwd=MACHINE, timeout=6 * PATIENCE, env={"PATH": "/usr/sbin:/usr/bin"})
    return out


def count(path, without="nobody"):
    """How many messages there are of each (address, protocol, type); without those of
    programs whose names begin so."""
    logged = collections.Counter()
    for line in path.read_text().splitlines():
        said = json.loads(line)
        if said["version"].startswith(without):
            continue
        message = said["message"]
        logged[message["response_address"], message["socket_protocol"],
               message["type"]] += 1
    return logged


def check_service(out):
    """Our own collector, as a service, has it all in three files, of which one is
    compressed. PowerDNS dies of SIGTERM on the spot."""
    files = (out / "files").read_text()
    assert len(re.findall(r" dnstap-\S+\.fstrm\n", files)) == 1, files
    assert len(re.findall(r" dnstap-\S+\.fstrm\.gz\n", files)) == 1, files
    assert re.search(r"^-rw-r-----.* dnstap\.fstrm$", files, re.M), files
    assert (out / "failed").read_text().split() == ["inactive"] * 2
    logged, collected = (count(out / name, "pdns") for name in ("log", "collected"))
    assert logged == collected, (logged - collected, collected - logged)


def check_top(out):
    """It finds the processes of units by their names, and files in another root."""
    found = {}
    for line in (out / "top").read_text().splitlines():
        words = line.split()
        if len(words) == 2:
            unit, main = words
            found[unit] = main, set()
        elif words[0] != "TIME":
            found[unit][1].add((words[1], words[2]))
    for unit, program in ("named.service", "named"), ("knot", "knotd"), ("pdns", "pdns_serve"):
        main, processes = found[unit]
        assert processes == {(main, program)}, found
    main, processes = found["nsd"]
    assert processes and all(program == "nsd" for _, program in processes), found


def check_compressed(out):
    """By named's user, and not the file that it writes."""
    text = (out / "compressed").read_text()
    assert re.search(r"^-rw-\S+ 1 bind bind .*\.gz$", text, re.M), text
    assert re.search(r"^-rw-\S+ 1 bind bind .*\.fstrm\S*(?<!\.gz)$", text, re.M), text
    assert "CLIENT_QUERY" in text, text


def test_units():
    build_machine()
    out = boot()
    answers = (out / "answers").read_text().splitlines()
    expected = [f"{address} {protocol} 192.0.2.1" for address, *_ in SERVERS.values()
                for protocol in ("notcp", "tcp")]
    expected += [f"{unit} active" for unit in SERVERS]
    journal = (out / "journal").read_text()
    assert answers == expected, "\n".join(answers + journal.splitlines()[-60:])
    assert "not tapped" not in journal, journal
    logged = count(out / "log")
    for address, *_ in SERVERS.values():
        for key in itertools.product([address], ["UDP", "TCP"],
                                     ["CLIENT_QUERY", "CLIENT_RESPONSE"]):
            # The others forward to the first one.
            assert logged[key] == 1 or (logged[key] and address == "127.0.1.1"), (
                f"{key}: {logged}\n{journal}")
    reloaded = (out / "reloaded").read_text().splitlines()
    assert reloaded == [f"{unit} identity reloaded" for unit in SERVERS
                        if unit != "nsd"], reloaded + journal.splitlines()[-60:]
    # Of named, knot, both of PowerDNS, and of NSD's children.
    metrics = (out / "metrics").read_text()
    assert metrics.count("TYPE dnstapshim_captured_total") >= 5, metrics
    check_top(out)
    check_service(out)
    check_compressed(out)
    undone = (out / "undone").read_text().split()
    assert undone == ["192.0.2.1"] * len(SERVERS), undone
    return f"{len(SERVERS)} services, {logged.total()} messages"
