"""Reads mail before and after annotating with Python's own email package and says what else changed than the banner.

Arguments: a folder with NAME.before and NAME.after. Prints one JSON object a message: its tree as read after, and the
problems found. Nothing here knows the program: the banner is found by its marks alone.
"""

import email
import json
import os
import re
import sys
from email import policy

HTML = re.compile(r"(?:(?<=.)\r?\n)?<!-- sentra:banner -->.*?<!-- /sentra:banner -->(?:\r?\n)?", re.S)
TEXT = re.compile(r"\A(\ufeff|\xef\xbb\xbf)?\*\*\*\* Sentra: .*?\*\*\*\* Sentra *\*+(?:\r?\n){0,2}", re.S)
QUOTED = re.compile(r"^[>| ]*\*\*\*\* Sentra: .*?^[>| ]*\*\*\*\* Sentra *\*+\r?\n", re.S | re.M)


def children(part):
    return part.get_payload() if part.get_content_maintype() == "multipart" and part.is_multipart() else []


def walk(part, depth=0):
    yield depth, part
    for child in children(part):
        yield from walk(child, depth + 1)


def content(part):
    """Transfer-decoded octets as text: UTF-16 by its units, anything else octet by octet."""
    if part.get_content_maintype() == "message":
        return "".join(str(inner) for inner in part.get_payload())
    octets = part.get_payload(decode=True) or b""
    charset = (part.get_content_charset() or "").lower()
    if charset.startswith("utf-16") and b"\0" in octets:
        big = octets.startswith(b"\xfe\xff") or charset.endswith("be")
        return octets.decode("utf-16-be" if big else "utf-16-le", "surrogatepass").lstrip("\ufeff")
    return octets.decode("latin-1")


def without_banner(part):
    text = content(part)
    kind = part.get_content_type()
    if kind == "text/html":
        return HTML.sub("", text, count=1)
    return TEXT.sub(r"\1", text, count=1) if kind == "text/plain" else text


def loosely(text):
    """Without any banner, white space and quoting: for threads, in which older banners go."""
    return re.sub(r"[\s>|]+", "", QUOTED.sub("", HTML.sub("", text)))


def describe(part):
    # A wrapped message keeps its fields; only the structure around it is new.
    return part.get_content_type(), part.get("Content-Transfer-Encoding"), part.get_filename(), part.get_content_charset()


def unwrapped(before, after):
    """The root of the message inside one that got a text part of its own, or None."""
    kids = children(after)
    if not kids or len(kids) != len(children(before)) + 1 and len(kids) != 2:
        return None
    if kids[0].get_content_type() != "text/plain" or not TEXT.fullmatch(content(kids[0])):
        return None
    if before.get_content_type() == "multipart/mixed":
        after.set_payload(kids[1:])
        return after
    return kids[1]


def compare(before, after):
    problems = []
    for name in ("from", "to", "subject", "message-id", "date", "mime-version"):
        if before.get_all(name) != after.get_all(name):
            problems.append(f"field {name}")
    root = after
    if [(d, describe(p)) for d, p in walk(before)] != [(d, describe(p)) for d, p in walk(after)]:
        root = unwrapped(before, after)
        if root is None or [(d, describe(p)) for d, p in walk(before)] != [(d, describe(p)) for d, p in walk(root)]:
            return problems + ["tree"]
    for (_, old), (_, new) in zip(walk(before), walk(root)):
        if children(old):
            if (old.preamble, old.epilogue) != (new.preamble, new.epilogue):
                problems.append("preamble or epilogue")
            continue
        was, now = content(old), without_banner(new)
        if "sentra:banner" in was or "**** Sentra: " in was:
            was, now = loosely(was), loosely(content(new))
        if was != now:
            problems.append(f"text of {old.get_content_type()}: {was[:60]!r} is now {now[:60]!r}")
        if old.get_content_type() == new.get_content_type() and len(old.defects) < len(new.defects):
            problems.append(f"defects {new.defects}")
    return problems


def main(folder):
    for name in sorted(f[:-7] for f in os.listdir(folder) if f.endswith(".before")):
        read = lambda end: email.message_from_bytes(open(os.path.join(folder, name + end), "rb").read(), policy=policy.compat32)
        before, after = read(".before"), read(".after")
        trees = [[p.get_content_type() for _, p in walk(m)] for m in (before, after)]
        print(json.dumps({"name": name, "before": trees[0], "after": trees[1], "problems": compare(before, after)}))


main(sys.argv[1])
