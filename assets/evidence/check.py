"""Recomputes what this folder of evidence proves: `python3 check.py` in the unpacked folder, standard library only.

It rebuilds each entry of the log from its record, each proof up to the signed head, and the chain of the dossier's events.
Python has no Ed25519 of its own, so for each signature it writes three files into the folder `signatures`: what was signed,
the signature, and the public key from keys.json; and prints the openssl command that checks them.
Formats: records and seals are CBOR (RFC 8949), seals COSE_Sign1 (RFC 9052), the log C2SP tlog-checkpoint and tlog-proof.
"""
import base64, glob, hashlib, hmac, json, os, sys

def fail(place, why):
    sys.exit(f"NOT GENUINE: {place}: {why}")

def read(name):
    with open(name, "rb") as file:
        return file.read()

def sha256(data):
    return hashlib.sha256(data).digest()

def cbor(data, at=0):
    """One value of CBOR and where it ends: whole numbers, byte strings, texts, arrays, maps, tags, true, false and null."""
    kind, short = data[at] >> 5, data[at] & 31
    at += 1
    length = 0 if short < 24 else {24: 1, 25: 2, 26: 4, 27: 8}[short]
    number, at = int.from_bytes(data[at:at + length], "big") if length else short, at + length
    if kind in (0, 1):
        return (number if kind == 0 else -1 - number), at
    if kind in (2, 3):
        part = data[at:at + number]
        if len(part) != number:
            raise ValueError("cut off")
        return (part if kind == 2 else part.decode()), at + number
    if kind == 4:
        items = []
        for _ in range(number):
            item, at = cbor(data, at)
            items.append(item)
        return items, at
    if kind == 5:
        entries = {}
        for _ in range(number):
            key, at = cbor(data, at)
            entries[key], at = cbor(data, at)
        return entries, at
    if kind == 6:
        return cbor(data, at)
    return {20: False, 21: True, 22: None}[number], at

def byte_string(data):
    """A byte string of CBOR; those of a seal are shorter than 65,536 bytes."""
    size = len(data)
    head = bytes([0x40 + size]) if size < 24 else bytes([0x58, size]) if size < 256 else b"\x59" + size.to_bytes(2, "big")
    return head + data

def root_of(leaf, index, size, path):
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2)."""
    node, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            value = sha256(b"\x01" + sibling + value)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            value = sha256(b"\x01" + value + sibling)
        node, last = node >> 1, last >> 1
    return value if last == 0 else None

def note(text):
    """A signed note: what is signed, and each signature with its name."""
    signed, _, lines = text.rpartition("\n\n")
    parts = [line[2:].split(" ") for line in lines.splitlines()]
    return signed + "\n", [(name, base64.b64decode(value)) for name, value in parts]

def proof(name, leaf, number):
    """Checks a tlog-proof file and gives the note in it."""
    head, _, text = read(name).decode().partition("\n\n")
    lines = head.split("\n")
    if lines[:2] != ["c2sp.org/tlog-proof@v1", f"index {number}"]:
        fail(name, "is not the proof of this entry")
    size, root = note(text)[0].split("\n")[1:3]
    if root_of(leaf, number, int(size), [base64.b64decode(line) for line in lines[2:]]) != base64.b64decode(root):
        fail(name, "does not lead to the head that it names")
    return text

def command(name, message, signature, public):
    """Writes the three files of a signature and prints the command for them."""
    os.makedirs("signatures", exist_ok=True)
    der = bytes.fromhex("302a300506032b6570032100") + public
    pem = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"
    for kind, data in (("message", message), ("signature", signature), ("pem", pem.encode())):
        with open(f"signatures/{name}.{kind}", "wb") as file:
            file.write(data)
    print(f"openssl pkeyutl -verify -pubin -inkey signatures/{name}.pem -rawin"
          f" -in signatures/{name}.message -sigfile signatures/{name}.signature")

def main():
    manifest = json.loads(read("manifest.json"))
    for name in (name for name, expected in manifest["files"].items() if sha256(read(name)).hex() != expected):
        fail(name, "is not the file that manifest.json tells of")
    checkpoint = read("checkpoint").decode()
    text, signatures = note(checkpoint)
    entries, previous, told = {}, None, 0
    for name in sorted(glob.glob("events/*.leaf")) + sorted(glob.glob("log/*.leaf")):
        place, data = name[:-len(".leaf")], read(name)
        number, leaf = int(os.path.basename(place)), sha256(b"\x00" + data)
        if proof(place + ".tlog-proof", leaf, number) != checkpoint:
            fail(name, "is proven under another head than this folder's")
        if os.path.exists(place + ".record"):
            record, nonce = read(place + ".record"), read(place + ".nonce")
            if data != b"\x01" + hmac.new(nonce, record, hashlib.sha256).digest():
                fail(name, "commits to another record or nonce")
            fields = cbor(record)[0]
            if name.startswith("events/"):
                if (fields[2], fields[5]) != (manifest["reference"], previous):
                    fail(name, "is of another dossier, or does not follow the event before it")
                told += 1
        if name.startswith("events/"):
            entries[number], previous = data, leaf
    print(f"{manifest['reference']}: {len(entries)} entries of the dossier, {told} with their records, all right.")
    print("The signatures are left. Each of these has to say: Signature Verified Successfully")
    keys = json.loads(read("keys.json"))["keys"]
    public = lambda key: base64.urlsafe_b64decode(key["x"] + "=")
    for key in keys:
        for name, value in signatures:
            vkey = key.get("vkey", "").split("+")
            if key["milaf:purpose"] == "log" and name == vkey[0] and value[:4].hex() == vkey[1]:
                command("checkpoint-" + key["kid"], text.encode(), value[4:], public(key))
    for number, name in enumerate(sorted(glob.glob("receipts/*.seal")), 1):
        protected, unprotected, payload, signature = cbor(read(name))[0]
        reference, place, commitment = cbor(payload)[0][-65537][:3]
        if reference != manifest["reference"] or entries.get(place, b"")[1:17] != commitment:
            fail(name, "is of another dossier or entry")
        proof(name[:-len(".seal")] + ".tlog-proof", sha256(b"\x00" + entries[place]), place)
        message = b"\x84\x6aSignature1" + byte_string(protected) + b"\x40" + byte_string(payload)
        for key in keys:
            if key["milaf:purpose"] == "seal" and key["kid"] == unprotected[4].hex():
                command(f"receipt-{number}", message, signature, public(key))
    policy = read("policy").decode().splitlines() if os.path.exists("policy") else []
    for _, name, vkey in (line.split()[:3] for line in policy if line.startswith("witness ")):
        signer, number, key = vkey.split("+", 2)
        for other, value in signatures:
            if other == signer and value[:4].hex() == number:
                message = f"cosignature/v1\ntime {int.from_bytes(value[4:12], 'big')}\n{text}"
                command("witness-" + number, message.encode(), value[12:], base64.b64decode(key)[1:])

if __name__ == "__main__":
    main()
