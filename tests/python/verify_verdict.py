"""Verifies X-Sentra-Verdict from its description alone, with openssl doing the Ed25519.

Arguments: a folder with `mail` and `key.der` (SubjectPublicKeyInfo), and the envelope's recipients. Prints `valid` or
`invalid`.
"""

import base64
import hashlib
import os
import re
import subprocess
import sys


def field(head, name):
    found = re.search(rb"(?im)^" + name + rb":((?:.*)(?:\r?\n[ \t].*)*)", head)
    return re.sub(rb"\r?\n", b"", found.group(1)).strip().decode() if found else ""


def main(folder, recipients):
    octets = open(os.path.join(folder, "mail"), "rb").read()
    end = re.search(rb"(?:\A|\n)\r?\n", octets)
    head, body = octets[: end.end()], octets[end.end() :]
    verdict = re.sub(r"\s", "", field(head, b"X-Sentra-Verdict"))
    values = dict(item.split("=", 1) for item in verdict.split(";"))
    decode = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
    envelope = ",".join(sorted({address.lower() for address in recipients}))
    lines = ["sentra-verdict-v1", field(head, b"X-Sentra-Id")]
    lines += [values[name] for name in ("org", "action", "severity", "score", "codes", "t")]
    lines += [field(head, b"Message-ID"), envelope, digest]
    paths = [os.path.join(folder, name) for name in ("signed.txt", "signature")]
    open(paths[0], "wb").write("".join(line + "\n" for line in lines).encode())
    open(paths[1], "wb").write(decode(values["s"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", os.path.join(folder, "key.der")]
    command += ["-rawin", "-in", paths[0], "-sigfile", paths[1]]
    print("valid" if subprocess.run(command, capture_output=True).returncode == 0 else "invalid")


main(sys.argv[1], sys.argv[2:])
