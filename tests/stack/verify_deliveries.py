"""Checks signed deliveries, one a line: v1 by the official Python library, v1a by the package cryptography.

    .tools/verify/bin/python tests/stack/verify_deliveries.py .local/deliveries.jsonl
"""

import base64
import json
import sys
import time
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError


def accepts_v1(case):
    secret = case["secret"]
    library = Webhook(secret if secret.startswith("whsec_") else secret.encode())
    try:
        library.verify(case["body"].encode(), case["headers"])
        return True
    except WebhookVerificationError:
        return False


def accepts_v1a(case):
    headers = case["headers"]
    seconds = headers["webhook-timestamp"]
    content = f"{headers['webhook-id']}.{seconds}.{case['body']}".encode()
    parts = [it.split(",") for it in headers["webhook-signature"].split(" ")]
    signatures = [base64.b64decode(it[1]) for it in parts if it[0] == "v1a"]
    for published in case["keys"]["keys"]:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(published["key"].removeprefix("whpk_")))
        for signature in signatures:
            try:
                key.verify(signature, content)
                return abs(time.time() - int(seconds)) <= 300
            except InvalidSignature:
                pass
    return False


def main():
    passed = failed = 0
    for case in map(json.loads, Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()):
        for scheme, accepts in (("v1", accepts_v1), ("v1a", accepts_v1a)):
            if accepts(case) == case["accepted"]:
                passed += 1
            else:
                failed += 1
                print(f"{case['name']}: {scheme} should be {'accepted' if case['accepted'] else 'refused'}")
    print(f"python: {passed} passed, {failed} failed")
    sys.exit(failed > 0 or passed == 0)


if __name__ == "__main__":
    main()
