# SPDX-License-Identifier: Apache-2.0
"""A certificate authority in the room, and what it signs, by OpenSSL's tool."""

import os
import subprocess

from . import namespace
from .process import program

CONFIG = """
[ca]
default_ca = here
[here]
database = {directory}/index.txt
new_certs_dir = {directory}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


def openssl(*words):
    done = subprocess.run([program("openssl"), *words], text=True,
                          capture_output=True)
    assert done.returncode == 0, f"openssl {words[0]}: {done.stderr}"


class Authority:
    """Paths of PEM files: `certificate`, and what sign() returns."""

    def __init__(self, name):
        self.directory = f"{namespace.ROOM}/{name}"
        os.makedirs(self.directory)
        self.certificate, self.key = self._paths("authority")
        with open(f"{self.directory}/config", "w") as config:
            config.write(CONFIG.format(directory=self.directory))
        open(f"{self.directory}/index.txt", "w").close()
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-days", "2", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout", self.key, "-out", self.certificate)

    def _paths(self, name):
        return f"{self.directory}/{name}.pem", f"{self.directory}/{name}.key"

    def sign(self, name, *names, dates=("20200101000000Z", "20400101000000Z")):
        """(certificate, key) for subjectAltNames such as DNS:localhost."""
        certificate, key = self._paths(name)
        extension = (["-addext", f"subjectAltName={','.join(names)}"]
                     if names else [])
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-subj", f"/CN={name}", *extension, "-keyout", key,
                "-out", f"{certificate}.request")
        openssl("ca", "-batch", "-config", f"{self.directory}/config",
                "-cert", self.certificate, "-keyfile", self.key, "-notext",
                "-startdate", dates[0], "-enddate", dates[1],
                "-in", f"{certificate}.request", "-out", certificate)
        return certificate, key
