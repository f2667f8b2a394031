"""Checks receipts' seals with other people's COSE and CWT libraries, and lays one out for openssl.

    check_seals.py verify KEYS_JSON          addresses of receipts on stdin; a line of JSON for each on stdout
    check_seals.py openssl KEYS_JSON FOLDER  one address on stdin; writes key.pem, message and signature

Nothing of Milaf's own code is used: the formats come from the README and from RFC 8392, 9052 and 7517.
"""

import base64
import json
import pathlib
import sys

import cbor2
import cwt
from pycose.keys import OKPKey
from pycose.messages import CoseMessage

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# A SubjectPublicKeyInfo of RFC 8410 up to the 32 bytes of the key.
ED25519_SPKI = bytes.fromhex("302a300506032b6570032100")


def unbase32(text):
    bits = "".join(format(ALPHABET.index(character), "05b") for character in text.upper())
    whole = len(bits) // 8 * 8
    if "1" in bits[whole:]:
        raise ValueError("spare bits are set")
    return bytes(int(bits[at : at + 8], 2) for at in range(0, whole, 8))


def seal_of(address):
    return unbase32(address.strip().split("/")[-1])


def seal_keys(path):
    keys = json.loads(pathlib.Path(path).read_text())["keys"]
    unbase64 = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return {key["kid"]: unbase64(key["x"]) for key in keys if key["milaf:purpose"] == "seal"}


def key_for(seal, keys):
    kid = cbor2.loads(seal).value[1][4].hex()
    return kid, keys[kid]


def by_cwt(seal, keys):
    kid, public = key_for(seal, keys)
    key = cwt.COSEKey.new({1: 1, -1: 6, -2: public, 2: bytes.fromhex(kid), 3: -8})
    return cwt.decode(seal, key)


def by_pycose(seal, keys):
    _, public = key_for(seal, keys)
    message = CoseMessage.decode(seal)
    message.key = OKPKey(crv="ED25519", x=public)
    if not message.verify_signature():
        raise ValueError("pycose finds the signature wrong")
    return cbor2.loads(message.payload)


def verdict(check, seal, keys):
    try:
        claims = check(seal, keys)
    except Exception as error:
        return {"refused": type(error).__name__}
    reference, leaf, commitment, size, root = claims[-65537]
    return {
        "issued_at": claims[6],
        "receipt_id": claims[7].hex(),
        "reference": reference,
        "leaf_index": leaf,
        "commitment16": commitment.hex(),
        "tree_size": size,
        "root": root.hex(),
    }


def main():
    what, keys = sys.argv[1], seal_keys(sys.argv[2])
    if what == "verify":
        for address in sys.stdin:
            seal = seal_of(address)
            print(json.dumps({"cwt": verdict(by_cwt, seal, keys), "pycose": verdict(by_pycose, seal, keys)}))
    elif what == "openssl":
        folder, seal = pathlib.Path(sys.argv[3]), seal_of(sys.stdin.read())
        _, public = key_for(seal, keys)
        protected, _, payload, signature = cbor2.loads(seal).value
        pem = base64.b64encode(ED25519_SPKI + public).decode()
        (folder / "key.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n")
        (folder / "message").write_bytes(cbor2.dumps(["Signature1", protected, b"", payload]))
        (folder / "signature").write_bytes(signature)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
