# SPDX-License-Identifier: Apache-2.0
"""dnstapshim read: which messages are shown, in which form, and what they amount to."""

import collections
import ipaddress
import json
import random
import struct
import subprocess
from datetime import datetime

from harness import cli, dns, dnstap, sample
from harness.process import PATIENCE

FILE, PACKETS, COUNT = "/mnt/sample.fstrm", "/mnt/sample.pcapng", 3000
NS = 10**9


def write(payloads):
    with open(FILE, "wb") as file:
        file.write(sample.stream(payloads))
    return [dnstap.decode(payload) for payload in payloads]


def flat(*arguments):
    return [json.loads(line) for line in
            cli.good("read", "-r", FILE, "-o", "flat", *arguments).splitlines()]


def nanoseconds(time):
    whole, _, fraction = time.rstrip("Z").partition(".")
    seconds = datetime.fromisoformat(whole + "+00:00").timestamp()
    return int(seconds) * NS + int((fraction or "0").ljust(9, "0"))


def qname(payload):
    question = dns.first_question(payload)
    labels, at = [], 0
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode())
        at += 1 + question[at]
    return ".".join(labels) + "."


def test_flat():
    """Every value by the test's own decoder."""
    taps = write(sample.payloads(COUNT))
    shown = flat()
    assert len(shown) == len(taps)
    for tap, row in zip(taps, shown):
        assert not any(isinstance(value, (dict, list)) for value in row.values())
        assert row["type"] == tap.type and row["protocol"] == tap.protocol
        assert nanoseconds(row["time"]) == tap.time
        for key in "query", "response":
            address = getattr(tap, f"{key}_address")
            assert ipaddress.ip_address(row[f"{key}_address"]) == \
                ipaddress.ip_address(address)
            assert row[f"{key}_port"] == getattr(tap, f"{key}_port")
        assert (row["identity"], row["version"]) == ("host.example", "server 1.0")
        assert ("latency" in row) == tap.is_response
        if tap.payload is None:
            assert not {"id", "qname", "rcode"} & set(row)
            continue
        assert row["id"] == dns.ident(tap.payload)
        assert row["opcode"] == dns.opcode(tap.payload)
        assert row["size"] == len(tap.payload)
        assert row["qname"].lower() == qname(tap.payload)
        assert ("rcode" in row) == tap.is_response
        assert ("rd" in row["flags"].split()) == bool(dns.flags(tap.payload) & dns.RD)
    return f"{len(shown)} messages"


FILTERS = {
    "rcode NXDOMAIN SERVFAIL": lambda row: row.get("rcode") in ("NXDOMAIN", "SERVFAIL"),
    "not rcode NOERROR": lambda row: row.get("rcode") != "NOERROR",
    "name *.example.org; qtype A AAAA MX":
        lambda row: row.get("qname", "").endswith(".example.org.")
        and row["qtype"] in ("A", "AAAA", "MX"),
    "not name *.": lambda row: row.get("qname", ".") == ".",
    "client 0.0.0.0/1": lambda row: "." in row["query_address"]
    and int(row["query_address"].split(".")[0]) < 128,
    "types client auth-query": lambda row: row["type"].startswith("CLIENT")
    or row["type"] == "AUTH_QUERY",
    "rsize 150": lambda row: "rcode" in row and row["size"] >= 150,
}


def test_filter():
    write(sample.payloads(COUNT))
    every = flat()
    for words, wanted in FILTERS.items():
        expected = list(filter(wanted, every))
        assert 0 < len(expected) < COUNT, words
        assert flat("-f", words) == expected, words
    first, second = list(FILTERS)[1:3]
    both = [row for row in every if FILTERS[first](row) and FILTERS[second](row)]
    assert both and flat("-f", first, "-f", second) == both
    assert flat("-n", 5, "-f", first) == list(filter(FILTERS[first], every))[:5]
    cli.good("read", "-r", FILE, "-f", first, "-w", "/mnt/chosen.fstrm")
    chosen = cli.good("read", "-r", "/mnt/chosen.fstrm", "-o", "flat")
    assert list(map(json.loads, chosen.splitlines())) == \
        list(filter(FILTERS[first], every))


def tshark(*arguments):
    return subprocess.run(["tshark", "-n", "-r", PACKETS, *arguments], check=True,
                          text=True, capture_output=True, timeout=PATIENCE).stdout


def fields(*names):
    """Of each packet, by tshark."""
    shown = tshark("-T", "fields", "-E", "separator=|", *(
        word for name in names for word in ("-e", name)))
    return [line.split("|") for line in shown.splitlines()]


TCP = {"TCP", "DOT", "DOH", "DNSCryptTCP"}


def test_pcap():
    """Wireshark sees the messages, octet for octet, between whom and when."""
    taps = [tap for tap in write(sample.payloads(COUNT)) if tap.payload is not None]
    done = cli.run("read", "-r", FILE, "-o", "pcap", "-w", PACKETS)
    assert done.returncode == 0, done.stderr
    assert f"{COUNT - len(taps)} messages have no place".encode() in done.stderr
    rows = fields("frame.time_epoch", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst",
                  "udp.srcport", "udp.payload", "tcp.srcport", "tcp.payload",
                  "frame.comment", "dns.id")
    assert len(rows) == len(taps)
    for tap, row in zip(taps, rows):
        (time, source4, source6, target4, target6, udp_port, udp, tcp_port, tcp,
         comment, ident) = row
        seconds, fraction = time.split(".")
        assert int(seconds) * NS + int(fraction) == tap.time
        ends = [(tap.query_address, tap.query_port),
                (tap.response_address, tap.response_port)]
        source, target = ends[::-1] if tap.is_response else ends
        assert ipaddress.ip_address(source4 or source6) == \
            ipaddress.ip_address(source[0])
        assert ipaddress.ip_address(target4 or target6) == \
            ipaddress.ip_address(target[0])
        payload = tap.payload.hex()
        if tap.protocol in TCP:
            assert tcp == f"{len(tap.payload):04x}{payload}"
        else:
            assert udp == payload
        assert int(udp_port or tcp_port) == source[1]
        assert comment.startswith(f"{tap.type} over {tap.protocol}"), comment
        assert "identity host.example" in comment
        assert int(ident, 16) == dns.ident(tap.payload)
    bad = tshark("-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
                 "-o", "tcp.check_checksum:TRUE", "-Y",
                 "_ws.malformed or ip.checksum.status == 0 or "
                 "udp.checksum.status == 0 or tcp.checksum.status == 0")
    assert bad == "", bad
    assert "Raw IP" in subprocess.run(["capinfos", "-E", PACKETS], check=True, text=True,
                                      capture_output=True).stdout
    return f"{len(rows)} packets"


def message(kind, port, payload, asked, answered=None, protocol=1):
    """A Dnstap message; times in ns."""
    response = kind % 2 == 0
    inner = (sample.number(1, kind) + sample.number(2, 1) + sample.number(3, protocol)
             + sample.octets(4, bytes([192, 0, 2, 1 + port % 3]))
             + sample.octets(5, bytes([192, 0, 2, 53])) + sample.number(6, port)
             + sample.number(7, 53) + sample.time(8, *divmod(asked, NS)))
    if response:
        inner += sample.time(12, *divmod(answered, NS))
    inner += sample.octets(14 if response else 10, payload)
    return sample.octets(14, inner) + sample.number(15, 1)


def test_pcap_stream():
    """One connection, also with a message of more than a packet holds."""
    big = dns.query(9, "big.test") + bytes(65000)
    exchange = [(5, dns.query(1, "a.test")), (6, dns.query(1, "a.test")),
                (5, dns.query(2, "b.test")), (6, big[:65535]),
                (5, dns.query(3, "c.test"))]
    write([message(kind, 4000, payload, NS, NS, 2) for kind, payload in exchange])
    cli.good("read", "-r", FILE, "-o", "pcap", "-w", PACKETS)
    assert len(tshark().splitlines()) == len(exchange) + 1
    assert tshark("-Y", "tcp.analysis.flags") == ""
    assert [int(row[0], 16) for row in fields("dns.id") if row[0]] == [1, 1, 2, 9, 3]


def pairs(count):
    """Queries and responses of known numbers: every 10th is not answered, every
    7th response has lost its query."""
    draw = random.Random(1)
    names = ["often.test"] * 5 + ["seldom.test"] * 2 + ["once.test"]
    for n in range(count):
        name, port, asked = draw.choice(names), 1024 + n, (1000 + n) * NS
        query = dns.query(n & 0xFFFF, name, draw.choice(("A", "A", "MX")))
        latency = (n + 1) * 1000
        rcode = draw.choice((0, 0, 3))
        response = query[:2] + struct.pack("!H", 0x8000 | rcode) + query[4:]
        if n % 7 or n % 10 == 0:
            yield name, "query", message(5, port, query, asked)
        if n % 10:
            yield rcode, "response", message(6, port, response, asked, asked + latency)


def test_stats():
    made = list(pairs(1000))
    write([payload for _, _, payload in made])
    shown = cli.good("read", "-r", FILE, "--stats")
    found = {}
    for part in shown.split("\n\n"):
        heading, *lines = part.splitlines()
        title, total = heading.split(":")[0], int(
            "".join(filter(str.isdigit, heading.split(":")[1].split()[-2 if "responses" in heading else 0])))
        found[title] = total, {line.split()[-1]: line.split()[0] for line in lines}
    queries = sum(kind == "query" for _, kind, _ in made)
    responses = collections.Counter(key for key, kind, _ in made if kind == "response")
    unanswered = 100
    orphans = responses.total() - (queries - unanswered)
    assert found["Messages"] == (len(made), {
        "CLIENT_QUERY": str(queries), "CLIENT_RESPONSE": str(responses.total())})
    assert found["Queries"] == (queries, {"unanswered": str(unanswered),
                                          "others": str(orphans)})
    assert found["RCODEs"] == (2, {"NOERROR": str(responses[0]),
                                   "NXDOMAIN": str(responses[3])})
    assert sum(map(int, found["Names"][1].values())) == 1000
    assert list(found["Names"][1]) == ["often.test.", "seldom.test.", "once.test."]
    assert sum(map(int, found["Clients"][1].values())) == 1000
    assert set(found["Types"][1]) == {"A", "MX"}
    latency = [float(line.split()[0]) for line in
               shown.split("\n\nLatency")[1].splitlines()[1:]]
    exact = sorted(n + 1 for n in range(1000) if n % 10)
    for permille, told in zip((500, 900, 950, 990, 999, 1000), latency):
        value = exact[-(-len(exact) * permille // 1000) - 1] / 1000
        assert value - 0.001 <= told <= value * 1.032, (permille, value, told)
    # With a form, both; with a file, the messages go there.
    assert len(cli.good("read", "-r", FILE, "-q", "--stats").splitlines()) == \
        len(made) + len(shown.splitlines())
    assert cli.good("read", "-r", FILE, "--stats", "-w", "/mnt/copy") == shown
    with open(FILE, "rb") as file, open("/mnt/copy", "rb") as copy:
        assert file.read() == copy.read()
