# SPDX-License-Identifier: Apache-2.0
"""Programs that speak TLS, but no DNS in it: they do the same, and say the same, with
the library in them as without, and nothing of it is logged."""

import os
import pathlib
import shutil
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from harness import encrypted, host, namespace, servers, tls
from harness.collector import Collector, listening
from harness.each import each
from harness.metrics import SETTING, Metrics
from harness.process import PATH, PATIENCE, Process, program, until
from test_life_programs import SAME

PORT = 443
SITE, WORK = f"{namespace.ROOM}/site", f"{namespace.ROOM}/work"
AUTHORITY = f"{namespace.ROOM}/{encrypted.AUTHORITY}/authority.pem"
URL = f"https://localhost:{PORT}"
SIZE = 1 << 20  # octets of the file; its head and its middle are no DNS, but any length

PROGRAMS = {
    "curl": f"curl -sS --cacert {AUTHORITY} {URL}/file | cksum; "
            f"curl -sS --http1.1 --cacert {AUTHORITY} {URL}/small {URL}/small; "
            f"curl -sS {URL}/small; curl -sS -k {URL}/none",
    "python": f"""python3 -c 'import ssl, urllib.request, zlib
context = ssl.create_default_context(cafile="{AUTHORITY}")
with urllib.request.urlopen("{URL}/file", context=context) as file:
    print(zlib.crc32(file.read()), file.headers["Content-Length"])
try:
    urllib.request.urlopen("{URL}/small")
except OSError as error:
    print(error)'""",
    "perl": "perl -MIO::Socket::SSL -e 'my $s = IO::Socket::SSL->new(PeerAddr => "
            f"q(localhost:{PORT}), SSL_ca_file => q({AUTHORITY})) or die $SSL_ERROR; "
            "print $s qq(GET /small HTTP/1.0\\r\\n\\r\\n); print grep /line/, <$s>; "
            f"IO::Socket::SSL->new(PeerAddr => q(localhost:{PORT})) or print $SSL_ERROR'",
    "gnutls-cli": "printf 'GET /small HTTP/1.0\\r\\n\\r\\n' | gnutls-cli --logfile=log "
                  f"--x509cafile={AUTHORITY} -p {PORT} localhost | grep line; rm log; "
                  f"gnutls-cli --logfile=log -p {PORT} localhost < /dev/null; rm log",
    "git": f"git -c http.sslCAInfo={AUTHORITY} clone -q {URL}/repository.git c; "
           f"git -C c log -p | cksum; git clone -q {URL}/repository.git d",
    "openssl": "printf 'GET /file HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet "
               f"-verify_quiet -CAfile {AUTHORITY} -connect localhost:{PORT} 2>&1 | "
               "grep -av -e ^Date -e unexpected | cksum",
}


class Quiet(SimpleHTTPRequestHandler):
    def __init__(self, *arguments):
        super().__init__(*arguments, directory=SITE)

    def log_message(self, *_):
        pass


def serve():
    """The site, over HTTPS."""
    os.makedirs(SITE)
    pathlib.Path(f"{SITE}/file").write_bytes(bytes(at * at % 251 for at in range(SIZE)))
    pathlib.Path(f"{SITE}/small").write_text("line of text\n" * 3)
    subprocess.run("git init -q r && cp small r && git -C r add small && git -C r "
                   "commit -qm one && git clone -q --bare r repository.git && "
                   "git -C repository.git update-server-info",
                   shell=True, cwd=SITE, check=True, env=SAME)
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Quiet)
    server.socket = tls.server_context().wrap_socket(server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def played(script, environment):
    """What it says, how it ends and what it leaves behind."""
    shutil.rmtree(WORK, ignore_errors=True)
    os.mkdir(WORK)
    done = subprocess.run(["sh", "-c", script], cwd=WORK, env={**SAME, **environment},
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE)
    left = sorted(path.name for path in pathlib.Path(WORK).rglob("*")
                  if ".git" not in str(path))
    return done.returncode, done.stdout, done.stderr, left


def watching(collector):
    """Also the port that these programs speak on."""
    return servers.tap_environment(f"dnstap {collector.endpoint} full", **SETTING,
                                   DNSTAP_TLS_PORTS=str(PORT), DNSTAP_LOG="off")


def nothing(collector):
    assert not collector.frames, collector.taps(orderly=False)[:3]
    assert not Metrics().drops(), Metrics().drops()


@each(PROGRAMS)
def test_same(name):
    encrypted.authority()
    serve()
    collector = Collector()
    bare, preloaded = (played(PROGRAMS[name], environment)
                       for environment in ({}, watching(collector)))
    assert bare == preloaded, f"\n{bare}\n{preloaded}"
    assert bare[1], bare
    nothing(collector)


NGINX = """
daemon off;
user root;
pid nginx.pid;
error_log stderr;
worker_processes 2;
events { }
http {
    access_log off;
    server {
        listen 127.0.0.1:$port ssl http2;
        ssl_certificate $cert;
        ssl_certificate_key $key;
        root $site;
    }
}
"""


def fetched(name, environment):
    """What curl gets of nginx."""
    port = PORT + 1 if environment else PORT + 2
    file = f"{namespace.ROOM}/{name}.conf"
    pathlib.Path(file).write_text(encrypted.with_pem(NGINX).replace(
        "$port", str(port)).replace("$site", SITE))
    server = Process([program("nginx"), "-p", namespace.ROOM, "-c", file], name=name,
                     environment=environment)
    until(lambda: server.alive() and listening(port), "nginx")
    said = [subprocess.run(
        ["curl", "-sS", way, "--cacert", AUTHORITY, f"https://localhost:{port}/{path}"],
        capture_output=True, timeout=PATIENCE)
        for way in ("--http1.1", "--http2") for path in ("file", "small", "none")]
    server.stop()
    return [(one.returncode, one.stdout, one.stderr) for one in said]


def test_nginx():
    encrypted.authority()
    serve()
    collector = Collector()
    environment = {**watching(collector), "DNSTAP_TLS_PORTS": str(PORT + 1)}
    bare, preloaded = fetched("bare", {}), fetched("preloaded", environment)
    assert bare == preloaded
    assert len(bare[0][1]) == SIZE and bare[3:] == bare[:3], bare[3:]
    nothing(collector)


def test_names():
    """A program without a TLS library finds no names of one; of one that it loads for
    itself it finds the library's own."""
    asks = host.build("names", "-ldl")
    bare, preloaded = (subprocess.run([asks], env={"PATH": PATH, **environment},
                                      capture_output=True)
                       for environment in ({}, watching(Collector())))
    assert bare.returncode == preloaded.returncode == 0, (bare, preloaded)
    assert bare.stdout == preloaded.stdout, f"\n{bare}\n{preloaded}"
