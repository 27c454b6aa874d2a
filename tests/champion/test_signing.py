"""Signatures: by whom, over what, and what is refused."""

from __future__ import annotations

import base64
import builtins
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from bakeoff.champion import archive, signing
from bakeoff.champion.opening import open as open_champion
from bakeoff.champion.signing import Keys
from bakeoff.spec.errors import DataError, MissingExtraError
from tests.champion import made

pytest.importorskip("cryptography")


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A pair of keys."""
    return signing.make_keys(tmp_path / "mine")


def refused(champion: Path, key: Any) -> str:
    """What is said of a champion that should be signed by `key`."""
    with pytest.raises(DataError) as caught:
        signing.verify(champion, key)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_signed_champion_is_verified(champion: Path, keys: Keys) -> None:
    """What a private key signs, its public one verifies: from a file, by name, or as bytes."""
    signed = signing.sign(champion, keys.private)
    assert signed.fingerprint == keys.fingerprint
    for key in (keys.public, str(keys.public), keys.public.read_bytes()):
        assert signing.verify(champion, key) == signed
    opened = open_champion(champion, key=keys.public, engine="torch", device="cpu")
    assert opened.digest == signed.digest


def test_the_private_key_is_its_owners(keys: Keys) -> None:
    """The private key is readable by its owner alone; both are PEM."""
    assert stat.S_IMODE(keys.private.stat().st_mode) == 0o600
    assert keys.private.read_text().startswith("-----BEGIN PRIVATE KEY-----\n")
    assert keys.public == keys.private.with_name("mine.pub")
    assert keys.public.read_text().startswith("-----BEGIN PUBLIC KEY-----\n")


@pytest.mark.parametrize("there", ["mine", "mine.pub"])
def test_a_key_is_never_written_over(tmp_path: Path, there: str) -> None:
    """Where a key of that name lies, none is made."""
    (tmp_path / there).write_text("precious")
    with pytest.raises(DataError, match="is there already: what it signed could not be verified"):
        signing.make_keys(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "precious"


def test_keys_need_a_place(tmp_path: Path) -> None:
    """A folder that is not there is an error of the user's."""
    with pytest.raises(DataError, match=r"must lie in a folder that exists"):
        signing.make_keys(tmp_path / "no" / "mine")


def test_another_key_is_refused(champion: Path, keys: Keys, tmp_path: Path) -> None:
    """A signature that holds, but is by another key, is refused with both named."""
    signing.sign(champion, keys.private)
    other = signing.make_keys(tmp_path / "other")
    assert refused(champion, other.public) == (
        f"the signature of {champion} is by another key: by {keys.fingerprint[:16]}…, and "
        f"{other.fingerprint[:16]}… is asked for. "
        "Do not trust this champion until whoever signed it has been asked."
    )


def test_no_signature_is_refused(champion: Path, keys: Keys) -> None:
    """Where a key is asked for, a champion without a signature is not opened."""
    assert refused(champion, keys.public) == (
        f"{champion} has no signature, and one by a key is asked for. Until whoever made it has "
        "signed it (bakeoff champion sign CHAMPION --key FILE), nothing says whose it is."
    )
    with pytest.raises(DataError, match="has no signature"):
        open_champion(champion, key=keys.public)


def test_a_changed_champion_is_refused(champion: Path, keys: Keys) -> None:
    """Whoever changes a file and writes a new manifest cannot keep the signature, also where
    nobody asks for a key."""
    signing.sign(champion, keys.private)
    made.resealed(champion, lambda folder: (folder / "README.md").write_text("# Better\n"))
    rule = "is of another manifest.json: the champion was changed after it was signed"
    assert f"signature.json of {champion} {rule}" in refused(champion, keys.public)
    with pytest.raises(DataError, match="was changed after it was signed"):
        open_champion(champion)


@pytest.mark.parametrize("name", ["public_key", "signature", "manifest"])
def test_a_forged_signature_is_refused(champion: Path, keys: Keys, name: str) -> None:
    """No part of a signature can be exchanged."""
    signing.sign(champion, keys.private)
    path = champion / "signature.json"
    document = json.loads(path.read_text())
    if name == "manifest":
        document[name] = "0" * 64
    else:
        content = bytearray(base64.b64decode(document[name]))
        content[0] ^= 1
        document[name] = base64.b64encode(content).decode()
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"signature\.json of .* (does not hold|is of another)"):
        signing.check(champion)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"schema": 1, "algorithm": "none"}'])
def test_what_is_no_signature_is_refused(champion: Path, keys: Keys, content: bytes) -> None:
    """Anything else in the place of the signature is refused in words."""
    (champion / "signature.json").write_bytes(content)
    expected = f"signature.json of {champion} is not what was written."
    assert refused(champion, keys.public).startswith(expected)


def test_signing_again_replaces(champion: Path, keys: Keys, tmp_path: Path) -> None:
    """The last signature counts, and nothing else is left in the folder."""
    signing.sign(champion, keys.private)
    other = signing.make_keys(tmp_path / "other")
    signing.sign(champion, other.private)
    assert signing.verify(champion, other.public).fingerprint == other.fingerprint


def test_what_is_broken_is_not_signed(champion: Path, keys: Keys) -> None:
    """Nobody vouches for what is not whole."""
    (champion / "README.md").write_text("# Better\n")
    with pytest.raises(DataError, match="is not what was written"):
        signing.sign(champion, keys.private)
    assert not (champion / "signature.json").exists()


@pytest.mark.parametrize(
    ("which", "rule"),
    [
        ("public", "is a public key, and one signs with the private one"),
        ("junk", "is not a private key"),
        ("missing", "cannot be read (No such file or directory)"),
    ],
)
def test_keys_that_cannot_sign(champion: Path, keys: Keys, which: str, rule: str) -> None:
    """What is no private key is named."""
    path = keys.public if which == "public" else keys.private.with_name("no")
    if which == "junk":
        path.write_bytes(b"junk")
    with pytest.raises(DataError) as caught:
        signing.sign(champion, path)
    assert str(caught.value) == (
        f"the key {path} {rule}. Give the private key, the file beside the one whose name ends in "
        ".pub. Where there is none, make a pair with: bakeoff champion keys FILE"
    )


def test_keys_that_cannot_verify(champion: Path, keys: Keys) -> None:
    """The private key is not taken for the public one, nor anything else."""
    signing.sign(champion, keys.private)
    way = (
        "Give the public key of whoever signed it: the file whose name ends in .pub, which was "
        "made beside the private one."
    )
    rule = "is a private key, and the public one is asked for"
    assert refused(champion, keys.private) == f"the key {keys.private} {rule}. {way}"
    assert refused(champion, b"junk") == f"the key is not a key. {way}"
    missing = keys.public.with_name("no.pub")
    expected = f"the key {missing} cannot be read (No such file or directory). {way}"
    assert refused(champion, missing) == expected


def test_a_passphrase_is_not_asked_for(champion: Path, tmp_path: Path) -> None:
    """A key under a passphrase is refused in words."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    locked = form.BestAvailableEncryption(b"secret")
    key = Ed25519PrivateKey.generate()
    content = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked)
    (tmp_path / "locked").write_bytes(content)
    with pytest.raises(DataError, match="is protected by a passphrase, which is not asked for"):
        signing.sign(champion, tmp_path / "locked")


def test_a_packed_champion_keeps_its_signature(champion: Path, keys: Keys, tmp_path: Path) -> None:
    """The signature travels in the archive."""
    signing.sign(champion, keys.private)
    packed = archive.pack(champion, tmp_path / "mine.bakeoff")
    folder, _ = archive.unpacked(packed)
    assert signing.verify(folder, keys.public).fingerprint == keys.fingerprint


def test_without_the_library(champion: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where cryptography is not installed, what needs it says which optional part is missing."""
    signing.sign(champion, keys.private)
    load = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    for work in (
        lambda: signing.make_keys(champion / "key"),
        lambda: signing.sign(champion, keys.private),
        lambda: signing.verify(champion, keys.public),
    ):
        with pytest.raises(MissingExtraError, match=r"a signature needs the optional part 'sign'"):
            work()
