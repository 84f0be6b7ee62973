"""Minting a token, beside PyJWT's own encode and beside the bare HMAC that no token can do without.

    python tests/benchmarks/tokens.py [--calls 2000] [--json]

All rows sign with the same key; ours and PyJWT's make a token with the same claims. Each figure is the
best of seven rounds, in microseconds of CPU time for one call; the rounds of all rows alternate, so
that a busy machine disturbs them alike. The ratio is to PyJWT's encode. A run takes some seconds.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Callable

import jwt

from funcjson.signalr.credentials import (
    ServiceEndpoint,
    audience_rule,
    mint_client_token,
    mint_server_token,
    sign_connection,
    verify_client_token,
)

ROUNDS = 7
NOW = 1_700_000_000
KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFG="
ENDPOINT = ServiceEndpoint("http://localhost:8888", KEY)
PATH = "api/hubs/chat/users/ann/:send?api-version=2022-06-01"
CLAIMS = {
    "asrs.s.uid": "ann",
    "nbf": NOW,
    "exp": NOW + 3600,
    "iat": NOW,
    "aud": "http://localhost/client/?hub=chat",
}
# A client's token may cost this much beside PyJWT's encode of the same claims.
LARGEST_RATIO = 2.0

Row = Callable[[], object]


def by_hand() -> str:
    """The shortest way to such a token, without a library."""
    head = _base64(b'{"alg":"HS256","typ":"JWT","kid":"1"}')
    body = _base64(json.dumps(CLAIMS, separators=(",", ":")).encode())
    signed = head + b"." + body
    return (signed + b"." + _base64(hmac.digest(KEY.encode(), signed, "sha256"))).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def rows() -> dict[str, Row]:
    """Name -> what is called."""
    key, rule = KEY.encode(), audience_rule("local", ENDPOINT.endpoint)
    token = mint_client_token(ENDPOINT, "chat", now=NOW, user_id="ann")
    signed = token.rpartition(".")[0].encode()
    assert jwt.decode(
        token, key, ["HS256"], audience=str(CLAIMS["aud"]), options={"verify_exp": False}
    ) == dict(CLAIMS)
    return {
        "PyJWT's encode": lambda: jwt.encode(CLAIMS, KEY, "HS256", {"kid": "1"}),
        "ours, for a client": lambda: mint_client_token(ENDPOINT, "chat", now=NOW, user_id="ann"),
        "ours, for a REST request": lambda: mint_server_token(ENDPOINT, PATH, now=NOW, name="host"),
        "by hand, no library": by_hand,
        "bare HMAC, hmac.digest": lambda: hmac.digest(key, signed, "sha256"),
        "bare HMAC, hmac.new": lambda: hmac.new(key, signed, hashlib.sha256).digest(),
        "PyJWT's decode": lambda: jwt.decode(
            token, KEY, ["HS256"], audience=str(CLAIMS["aud"]), options={"verify_exp": False}
        ),
        "ours, check a client's token": lambda: verify_client_token(
            token, [KEY], "chat", now=NOW, rule=rule
        ),
        "ours, sign an upstream request": lambda: sign_connection([KEY], "connection-id-of-22ch"),
    }


def measure(calls: int) -> dict[str, float]:
    """Microseconds per call, the loop included for all alike."""
    every = rows()
    best = dict.fromkeys(every, float("inf"))
    for _ in range(ROUNDS):
        for name, row in every.items():
            best[name] = min(best[name], _round(row, calls))
    return best


def _round(row: Row, calls: int) -> float:
    began = time.process_time_ns()
    for _ in range(calls):
        row()
    return (time.process_time_ns() - began) / calls / 1000


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.calls)
    base = found["PyJWT's encode"]
    if options.json:
        table = {
            name: {"us": round(us, 2), "ratio": round(us / base, 2)} for name, us in found.items()
        }
        print(json.dumps(table, indent=2))
    else:
        for name, us in found.items():
            print(f"{name:32} {us:8.2f} us  {us / base:6.2f} x")
    return int(found["ours, for a client"] / base > LARGEST_RATIO)


if __name__ == "__main__":
    sys.exit(main())
