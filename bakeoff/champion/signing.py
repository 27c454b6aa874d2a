"""Who vouches for a champion: an Ed25519 signature over its manifest, which names all it is.

The manifest alone says that a champion is whole; whoever changes it can write a new one. A
signature by a key that one knows says whose champion it is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.champion import manifest
from bakeoff.data.cache import writing
from bakeoff.spec.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["FILE", "Keys", "Signature", "check", "make_keys", "sign", "verify"]

FILE = manifest.SIGNATURE
SCHEMA = 1
_AGAIN = "Do not trust this champion until whoever signed it has been asked."


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """Where a new pair of keys lies."""

    private: Path
    """To be kept: whoever has it can sign in its owner's name."""

    public: Path
    """To be given to those who verify."""

    fingerprint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """A signature that holds."""

    fingerprint: str
    """SHA-256 of the public key, in hexadecimal digits."""

    digest: str
    """Of the champion: SHA-256 of its manifest."""


def make_keys(private: Path) -> Keys:
    """A new pair: the private key in `private`, for its owner's eyes only, and the public one in
    a file beside it, whose name ends in `.pub`. Neither may be there."""
    ed25519 = _ed25519()
    from cryptography.hazmat.primitives import serialization

    if not private.absolute().parent.is_dir():
        raise DataError(f"the key {private}", "must lie in a folder that exists")
    public = private.with_name(f"{private.name}.pub")
    for path in (private, public):
        if path.exists() or path.is_symlink():
            rule = "is there already: what it signed could not be verified by another"
            raise DataError(str(path), rule, suggestion="Give another name.")
    key = ed25519.Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    shown = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with writing("the keys", private, suggestion="Give another place for them."):
        for path, content, mode in ((private, secret, 0o600), (public, shown, 0o644)):
            # Never readable by others, not even for the moment before a chmod.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
    return Keys(private=private, public=public, fingerprint=_fingerprint(key.public_key()))


def sign(champion: Path, private: Path) -> Signature:
    """Vouch for the champion in a folder, as it is now: it is verified first. A signature that is
    there already is replaced."""
    ed25519 = _ed25519()
    digest = manifest.verify(champion).digest
    from cryptography.hazmat.primitives import serialization

    try:
        content = _read(private, _TO_SIGN)
        key = serialization.load_pem_private_key(content, password=None)
    except TypeError:
        rule = "is protected by a passphrase, which is not asked for"
        raise DataError(f"the key {private}", rule, suggestion=_KEYS) from None
    except ValueError:
        rule = "is not a private key"
        if b"PUBLIC KEY" in content:
            rule = "is a public key, and one signs with the private one"
        raise DataError(f"the key {private}", rule, suggestion=_TO_SIGN) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise DataError(f"the key {private}", "must be an Ed25519 key", suggestion=_KEYS)
    content = (champion / manifest.FILE).read_bytes()
    told = {
        "schema": SCHEMA,
        "kind": "signature",
        "algorithm": "ed25519",
        "public_key": _text(key.public_key().public_bytes_raw()),
        "manifest": digest,
        "signature": _text(key.sign(content)),
    }
    made = champion.with_name(f".{champion.name}.{uuid.uuid4().hex[:8]}.making")
    with writing("the signature", champion, suggestion="Copy the champion elsewhere first."):
        try:
            with made.open("w", encoding="utf-8") as file:
                file.write(json.dumps(told, indent=2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            made.replace(champion / FILE)
        finally:
            made.unlink(missing_ok=True)
    return Signature(fingerprint=_fingerprint(key.public_key()), digest=digest)


def verify(champion: Path, public: Path | str | bytes, name: str = "") -> Signature:
    """The signature of the champion in a folder, if it holds and is by the key in `public`: a PEM
    file, or its bytes. That the files are those of the manifest is verified too."""
    name = name or str(champion)
    wanted = _public(public)
    digest = manifest.verify(champion, name).digest
    found = check(champion, name)
    if found is None:
        rule = "has no signature, and one by a key is asked for"
        raise DataError(name, rule, suggestion=_UNSIGNED)
    if found.fingerprint != _fingerprint(wanted):
        raise DataError(
            f"the signature of {name}",
            f"is by another key: by {found.fingerprint[:16]}…, and "
            f"{_fingerprint(wanted)[:16]}… is asked for",
            suggestion=_AGAIN,
        )
    assert found.digest == digest, "both are of the same file"
    return found


def check(champion: Path, name: str = "") -> Signature | None:
    """The signature that lies in a champion, whoever it is by: an error where it does not hold,
    None where there is none."""
    name = name or str(champion)
    if not (champion / FILE).exists():
        return None
    ed25519 = _ed25519()
    from cryptography.exceptions import InvalidSignature

    content = (champion / manifest.FILE).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    try:
        told = json.loads((champion / FILE).read_bytes())
        if told["schema"] != SCHEMA or told["algorithm"] != "ed25519":
            raise ValueError("schema or algorithm")
        key = ed25519.Ed25519PublicKey.from_public_bytes(_bytes(told["public_key"]))
        signature, signed = _bytes(told["signature"]), told["manifest"]
    except (ValueError, KeyError, TypeError, RecursionError):
        rule = "is not what was written"
        raise DataError(f"{FILE} of {name}", rule, suggestion=_AGAIN) from None
    if signed != digest:
        rule = f"is of another {manifest.FILE}: the champion was changed after it was signed"
        raise DataError(f"{FILE} of {name}", rule, suggestion=_AGAIN)
    try:
        key.verify(signature, content)
    except InvalidSignature:
        rule = "does not hold: the key that it names did not sign this champion"
        raise DataError(f"{FILE} of {name}", rule, suggestion=_AGAIN) from None
    return Signature(fingerprint=_fingerprint(key), digest=digest)


_UNSIGNED = (
    "Until whoever made it has signed it (bakeoff champion sign CHAMPION --key FILE), nothing says "
    "whose it is."
)
_KEYS = "Make a pair with: bakeoff champion keys FILE"
_TO_SIGN = (
    "Give the private key, the file beside the one whose name ends in .pub. Where there is none, "
    "make a pair with: bakeoff champion keys FILE"
)
_TO_VERIFY = (
    "Give the public key of whoever signed it: the file whose name ends in .pub, which was made "
    "beside the private one."
)


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise MissingExtraError("a signature", "sign") from None
    return ed25519


def _public(public: Path | str | bytes) -> Ed25519PublicKey:
    ed25519: Any = _ed25519()
    from cryptography.hazmat.primitives import serialization

    name = "the key" if isinstance(public, bytes) else f"the key {public}"
    content = public if isinstance(public, bytes) else _read(Path(public), _TO_VERIFY)
    try:
        key = serialization.load_pem_public_key(content)
    except ValueError:
        secret = b"PRIVATE KEY" in content
        rule = "is a private key, and the public one is asked for" if secret else "is not a key"
        raise DataError(name, rule, suggestion=_TO_VERIFY) from None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise DataError(name, "must be an Ed25519 key", suggestion=_TO_VERIFY)
    found: Ed25519PublicKey = key
    return found


def _read(path: Path, suggestion: str) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        rule = f"cannot be read ({error.strerror})"
        raise DataError(f"the key {path}", rule, suggestion=suggestion) from None


def _fingerprint(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
