# SPDX-License-Identifier: Apache-2.0
"""The clients that everybody has, kdig and openssl s_client: what they print against
the log."""

import re
import subprocess

from harness import dns, encrypted, load, namespace
from harness.collector import Collector
from harness.each import each
from harness.encrypted import DOH, DOT, NAME, EncryptedScene
from harness.process import PATIENCE

WAYS = {"+tls": "DOT", "+https": "DOH", "+https-get": "DOH"}
FIRST = 40000  # port of the clients
SAID = re.compile(r"opcode: QUERY; .* id: (\d+).*?Received (\d+) B", re.S)


def kdig(scene, way, port):
    """Returns the id and the length of the answer that it prints."""
    done = subprocess.run(
        ["kdig", way, "+retry=0", f"+time={PATIENCE}", f"+tls-hostname={NAME}",
         f"+tls-ca={scene.authority.certificate}", "-b", f"{namespace.CLIENTS4[1]}#{port}",
         f"@{namespace.SERVER4}", f"x{port}.big.test", "TXT"],
        capture_output=True, text=True, timeout=2 * PATIENCE)
    said = SAID.search(done.stdout)
    assert done.returncode == 0 and said, done
    return tuple(map(int, said.groups()))


def s_client(scene, port, cut):
    """Asks some queries by it, which it reads in pieces. Records what it prints."""
    queries = [load.Query(dns.query(ident, f"host{ident}.test", rd=True), True)
               for ident in range(20)]
    asker = namespace.CLIENTS4[1], port
    asked = [scene.record.query("DOT", asker, (namespace.SERVER4, DOT), query.message)
             for query in queries]
    client = subprocess.Popen(
        ["openssl", "s_client", "-quiet", "-ign_eof", "-verify_quiet", "-CAfile",
         scene.authority.certificate, "-bind", f"{asker[0]}:{port}", "-connect",
         f"{namespace.SERVER4}:{DOT}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for piece in cut(queries):
        client.stdin.write(piece)
        client.stdin.flush()
    for _ in asked:
        answer = client.stdout.read(int.from_bytes(client.stdout.read(2), "big"))
        scene.record.response(asked[dns.ident(answer)], answer)
    client.terminate()
    client.wait(PATIENCE)
    client.stdin.close()
    client.stdout.close()


@each(encrypted.SERVERS)
def test_kdig(name):
    collector = Collector()
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full", ports=(DOT,))
    ways = [way for way, protocol in WAYS.items()
            if protocol == "DOT" or name in encrypted.SERVING_DOH]
    scene.counts_all = False
    said = [kdig(scene, way, FIRST + at) for at, way in enumerate(ways)]
    scene.stop(collector)
    taps = collector.taps(orderly=scene.server.server.lingers)
    for at, (way, (ident, size)) in enumerate(zip(ways, said)):
        query, response = [tap for tap in taps if tap.query_port == FIRST + at]
        assert not query.is_response and response.is_response, (query, response)
        assert {query.protocol, response.protocol} == {WAYS[way]}, query
        assert query.response_port == (DOT if way == "+tls" else DOH), query
        assert dns.ident(query.payload) == dns.ident(response.payload) == ident
        assert len(response.payload) == size, (response, size)
    assert len(taps) == len(scene.facts()) + 2 * len(ways), taps
    return f"{len(ways)} ways"


@each(name for name in encrypted.SERVERS if name not in encrypted.ONE_A_RECORD)
def test_s_client(name):
    collector = Collector()
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full", ports=(DOT,))
    for at, cut in enumerate(load.PIECES.values()):
        s_client(scene, FIRST + at, cut)
    scene.stop(collector)
    return scene.check(collector.taps())
