# SPDX-License-Identifier: Apache-2.0
"""The zone `test.` in the formats of the servers."""

import subprocess
from ipaddress import IPv6Address

HOSTS = 60
BIG = 8  # strings of 200 octets: more than 512 and 1,232 octets in an answer

RECORDS = [("test.", "SOA", "ns.test. root.test. 1 3600 900 86400 60"),
           ("test.", "NS", "ns.test."),
           ("test.", "MX", "10 host1.test."),
           ("test.", "TXT", '"a zone to be asked about"'),
           ("ns.test.", "A", "127.0.0.99"),
           ("*.wild.test.", "A", "192.0.2.200"),
           ("alias.test.", "CNAME", "host2.test.")]
RECORDS += [(f"host{n}.test.", "A", f"192.0.2.{n}") for n in range(HOSTS)]
RECORDS += [(f"host{n}.test.", "AAAA", f"2001:db8::{n:x}") for n in range(HOSTS)]
RECORDS += [(owner, "TXT", f'"{chr(97 + n) * 200}"')
            for owner in ("big.test.", "*.big.test.") for n in range(BIG)]

# Names to ask for, but for the zone's own, which strange messages are about.
NAMES = sorted({owner.rstrip(".").replace("*", "any")
                for owner, _, _ in RECORDS} - {"test"})


def master():
    """RFC 1035 5.1."""
    return "$TTL 300\n" + "".join(f"{owner} IN {kind} {data}\n"
                                  for owner, kind, data in RECORDS)


def _tinydns_line(owner, kind, data):
    owner = owner.rstrip(".")
    words = data.replace('"', "").split()
    if kind == "AAAA":
        raw = "".join(f"\\{octet:03o}" for octet in IPv6Address(data).packed)
        return f":{owner}:28:{raw}:300"
    return {"SOA": f"Z{owner}:{words[0]}:{':'.join(words[1:])}:300",
            "NS": f"&{owner}::{words[0]}:300",
            "MX": f"@{owner}::{words[-1]}:{words[0]}:300",
            "TXT": f"'{owner}:{' '.join(words)}:300",
            "CNAME": f"C{owner}:{words[0]}:300",
            "A": f"+{owner}:{words[0]}:300"}[kind]


def tinydns():
    """tinydns-data(8)."""
    return "".join(_tinydns_line(*record) + "\n" for record in RECORDS)


def rbldnsd():
    """A generic dataset, which knows A, MX and TXT (rbldnsd(8))."""
    lines = [f"$SOA 300 {RECORDS[0][2]}", "$NS 300 ns.test."]
    for owner, kind, data in RECORDS:
        relative = owner.removesuffix(".").removesuffix("test").rstrip(".") or "@"
        if kind in ("A", "MX", "TXT"):
            lines.append(f"{relative} {kind} {data}")
    return "\n".join(lines) + "\n"


def serial(address):
    """Of the zone, as it is served."""
    found = subprocess.run(["dig", "+short", f"@{address}", "test", "SOA"],
                           capture_output=True, text=True, check=True).stdout
    return int(found.split()[2])
