"""What a user types, and what it stands for."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bakeoff.data.listing import FilePictures
from bakeoff.data.sources import cifar, find, names, resolve
from bakeoff.spec.errors import DataError
from tests.data.sources.batches import ROWS, SMALL, write_batches
from tests.data.sources.test_embedded import features, write
from tests.pictures import folder_of_digits

BY_FOLDER = {layout.folder: layout for layout in SMALL}


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "LAYOUTS", SMALL)


def refused(source: str | Path) -> str:
    """What is said of the source."""
    with pytest.raises(DataError) as caught:
        find(source)
    return str(caught.value)


def zipped(folder: Path, path: Path) -> Path:
    """A zip of a folder, under its own name."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))
    return path


def test_names_are_listed() -> None:
    """The datasets that need no path."""
    assert names() == ("digits", "cifar10", "cifar100")


def test_digits_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of that name beside us is noted, and named by ./digits."""
    monkeypatch.chdir(tmp_path)
    assert find("digits").notes == ()
    folder_of_digits(tmp_path / "digits")
    found = find("digits")
    assert found.name == "digits"
    assert len(found) == 1797
    assert found.notes == (
        "This is the built-in digits; what lies here under that name is ./digits.",
    )
    assert len(find("./digits")) == len(find(Path("digits"))) == 30


def test_published_datasets_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """CIFAR's names go to its publisher's archive or the cache."""
    asked = []
    monkeypatch.setattr(resolve, "find_published", lambda name, _: asked.append(name))
    for name in ("cifar10", "cifar100"):
        find(name)
    assert asked == ["cifar10", "cifar100"]


def test_the_hub_is_asked_by_its_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything after hf: is the hub's."""
    asked = []
    monkeypatch.setattr(resolve, "find_on_hub", lambda name, _: asked.append(name))
    find("hf:owner/name")
    assert asked == ["hf:owner/name"]


def test_a_folder_and_its_archives_give_the_same(tmp_path: Path) -> None:
    """A zip or tar of a folder holds the same pictures and classes."""
    folder = folder_of_digits(tmp_path / "photos")
    zipped(folder, tmp_path / "photos.zip")
    with tarfile.open(tmp_path / "photos.tar.gz", "w:gz") as archive:
        archive.add(folder, arcname="photos")
    plain = find(folder)
    for source in (tmp_path / "photos.zip", str(tmp_path / "photos.tar.gz")):
        found = find(source)
        assert found.name == "photos"
        assert found.classes == plain.classes
        assert found.labels.tolist() == plain.labels.tolist()
        assert isinstance(found.pictures, FilePictures)
        assert isinstance(plain.pictures, FilePictures)
        for number in range(len(plain)):
            content = plain.pictures.path(number).read_bytes()
            assert found.pictures.path(number).read_bytes() == content


@pytest.mark.parametrize("kind", ["folder", "zip", "csv", "npz"])
def test_finding_twice_gives_the_same(tmp_path: Path, kind: str) -> None:
    """Whatever the source is, the same picture has the same place and label each time."""
    folder = folder_of_digits(tmp_path / "photos", per_class=3)
    sources = {"folder": folder, "zip": zipped(folder, tmp_path / "photos.zip")}
    sources["csv"] = tmp_path / "photos.csv"
    sources["csv"].write_text(
        "path,label\n" + "".join(f"photos/{n}/{n}.png,{n}\n" for n in range(9, 0, -1))
    )
    sources["npz"] = tmp_path / "photos.npz"
    images = np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8)
    np.savez(sources["npz"], images=images, labels=[1, 0, 1, 0])
    one, two = find(sources[kind]), find(sources[kind])
    assert one.labels.tolist() == two.labels.tolist()
    assert one.classes == two.classes
    assert len(one) == len(two)
    assert [one.pictures.name(n) for n in range(len(one))] == [
        two.pictures.name(n) for n in range(len(two))
    ]


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("folder", ["cifar-10-batches-bin", "cifar-10-batches-py"])
def test_batch_files_are_found_in_folders_and_archives(
    tmp_path: Path, folder: str, wrapped: bool
) -> None:
    """In the folder itself, in the one around it, and packed."""
    around = tmp_path / "around" / ("data" if wrapped else "")
    batches = write_batches(around / folder, BY_FOLDER[folder])
    sources = [batches, around, tmp_path / "around"]
    sources.append(zipped(batches, tmp_path / "batches.zip"))
    sources.append(zipped(around, tmp_path / "around.zip"))
    for source in sources:
        found = find(source)
        assert (found.name, len(found)) == ("cifar10", 6 * ROWS)


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize(
    "name",
    [
        "cifar-10-python.tar.gz",
        "cifar-10-batches-py.tar.gz",
        "datasets/cifar-10-batches-py-target_archive",
        "datasets/cifar-10-batches-py-target.tar.gz",
    ],
)
def test_archives_are_found_in_the_caches_of_frameworks(tmp_path: Path, name: str) -> None:
    """Where torchvision and Keras, old and new, leave the published archive."""
    folder = "cifar-10-batches-py"
    batches = write_batches(tmp_path / "made" / folder, BY_FOLDER[folder])
    path = tmp_path / "framework" / name
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(batches, arcname=folder)
    assert len(find(tmp_path / "framework")) == 6 * ROWS


@pytest.mark.usefixtures("_small")
def test_a_cache_of_two_datasets_is_refused(tmp_path: Path) -> None:
    """Nobody can tell which is meant; both are named."""
    for folder in ("cifar-10-batches-py", "cifar-100-python"):
        write_batches(tmp_path / folder, BY_FOLDER[folder])
    assert refused(tmp_path) == (
        f"folder {tmp_path} must hold one dataset, but is ['cifar10', 'cifar100']. Name one of "
        f"them: {tmp_path / 'cifar-10-batches-py'}, {tmp_path / 'cifar-100-python'}."
    )


def test_what_is_wrong_in_an_archive_is_told_of_the_archive(tmp_path: Path) -> None:
    """Nobody should go and mend what was unpacked in the cache."""
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("cat/a.jpg", "dog/a.jpg", "bird/"):
            archive.writestr(name, "")
    text = refused(path)
    assert text.startswith(f"class folder {path / 'bird'} holds no pictures. Put some in (")


def test_tables_and_arrays_are_found_by_suffix(tmp_path: Path) -> None:
    """Manifests, with paths or with the pictures inside, and NumPy's archives."""
    (tmp_path / "a.CSV").write_text("path,label\na.jpg,cat\nb.jpg,dog\n")
    (tmp_path / "b.tsv").write_text("path\tlabel\na.jpg\tcat\nb.jpg\tdog\n")
    np.savez(tmp_path / "c.npz", images=np.zeros((2, 4, 4), np.uint8), labels=["cat", "dog"])
    write(tmp_path / "d.parquet", [0, 1], metadata=features())
    for name in ("a.CSV", "b.tsv", "c.npz", "d.parquet"):
        assert find(tmp_path / name).classes == ("cat", "dog")


def test_classes_are_renamed(tmp_path: Path) -> None:
    """Old name to new, whatever the source."""
    found = find(folder_of_digits(tmp_path / "photos"), classes={"0": "zero", "2": "two"})
    assert found.classes == ("zero", "1", "two")
    with pytest.raises(DataError, match="class 'seven' in the class names is not a class of"):
        find("digits", classes={"seven": "7"})


def test_the_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde in quotes reaches us."""
    folder_of_digits(tmp_path / "photos")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find("~/photos").name == "photos"


def test_a_missing_path_is_answered_with_a_near_one(tmp_path: Path) -> None:
    """Names and what lies beside the path are near; if none is, the names are listed."""
    (tmp_path / "photos").mkdir()
    assert refused(tmp_path / "fotos") == (
        f"dataset must be the path of a folder or file that exists, or a name, but is "
        f"{str(tmp_path / 'fotos')!r}. Did you mean {str(tmp_path / 'photos')!r}? "
        "Names: digits, cifar10, cifar100, hf:owner/name."
    )
    assert "Did you mean 'cifar10'?" in refused("CIFAR-10")
    assert "but is 'qqqq'. Names: digits, cifar10, " in refused("qqqq")
    assert "Names: digits" in refused(tmp_path / "no" / "such" / "folder")


def test_nothing_is_not_the_folder_one_is_in() -> None:
    """An unset variable in a script does not start work on whatever lies around."""
    assert refused("") == "dataset must not be empty. Write . for this folder."


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="there are no such devices here")
def test_a_device_is_refused() -> None:
    """It exists, so no other name is suggested."""
    text = "dataset must be a folder or a file, no device or pipe, but is '/dev/null'."
    assert refused("/dev/null") == text


def test_an_address_is_refused() -> None:
    """We download nothing that a user names by address."""
    assert refused("https://x.org/photos.zip") == (
        "dataset must be a name or a path, not an address, but is 'https://x.org/photos.zip'. "
        "Download it and name the file."
    )


@pytest.mark.parametrize("name", ["photo.jpg", "photos.rar"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    """The kinds that are read are listed."""
    (tmp_path / name).write_bytes(b"")
    suffix = Path(name).suffix
    assert refused(tmp_path / name) == (
        f"file {tmp_path / name} must be one of .zip, .tar, .tar.gz, .tgz, .tar.xz, .txz, "
        f".tar.bz2, .tbz2, .csv, .parquet, .npz, but is {suffix!r}. "
        "For pictures, name the folder that holds their class folders."
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to the administrator")
def test_a_forbidden_folder_is_told(tmp_path: Path) -> None:
    """Without permission to read, the place is named."""
    folder = folder_of_digits(tmp_path / "photos")
    (folder / "1").chmod(0)
    assert refused(folder) == f"{folder / '1'} cannot be read: Permission denied."


def test_what_the_system_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any file that vanishes or may not be read is named."""

    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "photos/1")

    monkeypatch.setattr(resolve, "find_class_folders", forbidden)
    assert refused(tmp_path) == "photos/1 cannot be read: Permission denied."


def test_finding_imports_nothing_heavy() -> None:
    """No torch, scikit-learn, Pillow or pyarrow before a source needs it."""
    code = (
        "import sys; import bakeoff.data.sources; "
        "print(sorted({'torch', 'sklearn', 'PIL', 'pyarrow', 'huggingface_hub'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
