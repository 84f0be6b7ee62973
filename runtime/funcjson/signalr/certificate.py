"""The certificate of a service for https, and what is wrong with one that cannot be used."""

from __future__ import annotations

import ssl
from pathlib import Path

from funcjson.signalr.errors import OptionsError

_KEY_MARK = b"PRIVATE KEY-----"


def load_certificate(context: ssl.SSLContext, certfile: str, keyfile: str) -> None:
    """Use the certificate, and the key that is in `keyfile` or, if that is empty, beside it. Raises OptionsError."""
    certificate = _read(certfile, "certificate")
    key = _read(keyfile, "private key") if keyfile else certificate
    try:
        # A password would be asked for on the terminal; an empty one is refused instead.
        context.load_cert_chain(certfile, keyfile or None, password="")
    except (OSError, ssl.SSLError) as error:
        raise OptionsError(_fault(certfile, keyfile, certificate, key, error)) from error


def _read(file: str, what: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise OptionsError(
            f"the {what} {file} cannot be read: {error.strerror or error}"
        ) from error


def _fault(certfile: str, keyfile: str, certificate: bytes, key: bytes, error: Exception) -> str:
    if b"BEGIN CERTIFICATE" not in certificate:
        return f"{certfile} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"
    if _KEY_MARK not in key:
        if keyfile:
            return f"{keyfile} holds no private key in PEM (-----BEGIN PRIVATE KEY-----)"
        return f"{certfile} holds a certificate but no private key: name the file of the key with --keyfile"
    if b"ENCRYPTED" in key:
        return f"the private key in {keyfile or certfile} has a password: give one without"
    if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
        return f"the private key in {keyfile or certfile} is of another certificate than {certfile}"
    return f"the certificate {certfile} cannot be used: {error}"
