"""What is wrong with a certificate that cannot be used, told by file."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from funcjson.signalr.certificate import load_certificate
from funcjson.signalr.errors import OptionsError


def made(folder: Path, name: str, *more: str) -> tuple[Path, Path]:
    """A new certificate and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subject = ("-subj", "/CN=localhost", "-days", "2")
    files = ("-keyout", str(key), "-out", str(certificate))
    new = ("openssl", "req", "-x509", "-newkey", "rsa:2048")
    subprocess.run(
        [*new, *(more or ("-nodes",)), *subject, *files], check=True, capture_output=True
    )
    return certificate, key


def fault(certificate: Path, key: Path | str = "") -> str:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with pytest.raises(OptionsError) as caught:
        load_certificate(context, str(certificate), str(key))
    return str(caught.value)


def test_faults_name_the_file_and_the_remedy(tmp_path: Path) -> None:
    certificate, key = made(tmp_path, "a")
    other, other_key = made(tmp_path, "b")
    locked, locked_key = made(tmp_path, "c", "-passout", "pass:word")
    nothing = tmp_path / "nothing"

    assert "no private key: name the file of the key with --keyfile" in fault(certificate)
    assert fault(certificate, nothing) == (
        f"the private key {nothing} cannot be read: No such file or directory"
    )
    assert fault(nothing) == f"the certificate {nothing} cannot be read: No such file or directory"
    assert f"{key} holds no certificate in PEM" in fault(key)
    assert f"{other} holds no private key in PEM" in fault(certificate, other)
    assert f"the private key in {other_key} is of another certificate" in fault(
        certificate, other_key
    )
    assert f"the private key in {locked_key} has a password" in fault(locked, locked_key)


def test_a_certificate_with_its_key_beside_it_or_elsewhere(tmp_path: Path) -> None:
    certificate, key = made(tmp_path, "a")
    both = tmp_path / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    for file, its_key in ((certificate, str(key)), (both, "")):
        load_certificate(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), str(file), its_key)
