"""dkimpy at the command line of the tests: an implementation that shares nothing with ours.

One JSON object on standard input: {"do", "message" (base64), "records" {name: TXT}, "key" (PEM), "domain", "selector",
"authserv"}. One JSON object on standard output.
"""

import base64
import json
import re
import subprocess
import sys
import tempfile

import dkim

HEADERS = [b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type"]

asked = json.load(sys.stdin)
message = base64.b64decode(asked["message"])
records = {name.rstrip("."): text for name, text in asked.get("records", {}).items()}


def txt(name, timeout=5):
    name = (name.decode() if isinstance(name, bytes) else name).rstrip(".")
    return records[name].encode() if name in records else None


def answer(**fields):
    json.dump(fields, sys.stdout)


def relaxed(name, value):
    value = re.sub(rb"[\t ]+", b" ", value.replace(b"\r\n", b"")).strip()
    return name.strip().lower() + b":" + value


def holds(verifier, index):
    """dkimpy raises where a body hash differs, and answers False where a signature does."""
    try:
        return bool(verifier.verify(idx=index, dnsfunc=txt))
    except dkim.DKIMException:
        return False


def seal_alone():
    """RFC 8617 section 5.1.2: whether the newest seal covers its own set alone."""
    head = message.split(b"\r\n\r\n", 1)[0] + b"\r\n"
    fields = re.findall(rb"(?m)^([^\s:]+)[ \t]*:((?:.*\r\n)(?:[ \t].*\r\n)*)", head)
    instance = asked["instance"].encode()
    newest = {}
    for name, value in fields:
        if name.lower().startswith(b"arc-") and re.search(rb"(?:^|[\s;])i\s*=\s*" + instance + rb"\s*;", value):
            newest[name.lower()] = value
    seal = newest[b"arc-seal"]
    signature = base64.b64decode(re.sub(rb"\s", b"", re.search(rb"(?s)[\s;]b=(.*)$", seal).group(1)))
    unsigned = re.sub(rb"(?s)([\s;]b=).*$", rb"\1", seal)
    text = b"\r\n".join(
        [
            relaxed(b"arc-authentication-results", newest[b"arc-authentication-results"]),
            relaxed(b"arc-message-signature", newest[b"arc-message-signature"]),
            relaxed(b"arc-seal", unsigned),
        ]
    )
    public = "-----BEGIN PUBLIC KEY-----\n" + re.search(r"p=(\S+)", asked["record"]).group(1)
    public += "\n-----END PUBLIC KEY-----\n"
    with tempfile.TemporaryDirectory() as folder:
        for name, octets in (("text", text), ("signature", signature), ("key", public.encode())):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(octets)
        command = ["openssl", "dgst", "-sha256", "-verify", f"{folder}/key", "-signature", f"{folder}/signature"]
        done = subprocess.run(command + [f"{folder}/text"], capture_output=True)
    answer(valid=done.returncode == 0)


if asked["do"] == "arc_verify":
    cv, results, reason = dkim.arc_verify(message, dnsfunc=txt)
    answer(cv=cv.decode() if isinstance(cv, bytes) else cv, sets=len(results), reason=str(reason))
elif asked["do"] == "dkim_verify":
    verifier = dkim.DKIM(message)
    count = len(re.findall(rb"(?mi)^dkim-signature:", message.split(b"\r\n\r\n", 1)[0]))
    answer(valid=[holds(verifier, index) for index in range(count)])
elif asked["do"] == "dkim_sign":
    field = dkim.sign(
        message,
        asked["selector"].encode(),
        asked["domain"].encode(),
        asked["key"].encode(),
        canonicalize=(b"relaxed", b"relaxed"),
    )
    answer(message=base64.b64encode(field + message).decode())
elif asked["do"] == "arc_sign":
    authserv = asked["authserv"].encode()
    # dkimpy takes the state of the chain so far from its own field, and adds nothing to a chain without that.
    sealed = re.search(rb"(?mi)^arc-seal:", message.split(b"\r\n\r\n", 1)[0])
    seen = b"; spf=pass smtp.mailfrom=acme-supplies.example" + (b"; arc=pass" if sealed else b"")
    marked = b"Authentication-Results: " + authserv + seen + b"\r\n" + message
    # dkimpy reads the chain so far over DNS by its own function.
    real = dkim.get_txt
    dkim.get_txt = txt
    sealer = dkim.ARC(marked)
    fields = sealer.sign(
        asked["selector"].encode(),
        asked["domain"].encode(),
        asked["key"].encode(),
        authserv,
        include_headers=[name for name in HEADERS if re.search(rb"(?mi)^" + name + rb":", marked)],
    )
    dkim.get_txt = real
    answer(message=base64.b64encode(b"".join(fields) + message).decode(), fields=len(fields))
elif asked["do"] == "seal_alone":
    seal_alone()
