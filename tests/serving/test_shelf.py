"""Pages and their files as they are sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from bakeoff.serving import shelf
from tests.champion import made
from tests.serving.within import Within, within

pytest.importorskip("onnxruntime")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Within]:
    """One with pages and no journal."""
    with within(made.with_graph(tmp_path / "champion"), ui="own") as found:
        yield found


def test_files_are_kept_until_they_change(service: Within) -> None:
    """Under the address that names their version they are for ever; under their own name, or an
    old version's, a browser asks whether they are still the same."""
    whole = service.ask("GET", f"/static/{shelf.VERSION}/style.css")
    assert whole.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert whole.headers["content-type"] == "text/css; charset=utf-8"
    for path in ("/static/style.css", "/static/older/style.css"):
        plain = service.ask("GET", path)
        assert (plain.status, plain.body) == (200, whole.body)
        assert plain.headers["cache-control"] == "no-cache"
    known = {"if-none-match": f'"other", W/{whole.headers["etag"]}'}
    same = service.ask("GET", "/static/style.css", headers=known)
    assert (same.status, same.body) == (304, b"")
    other = service.ask("GET", "/static/style.css", headers={"if-none-match": '"other"'})
    assert other.status == 200


@pytest.mark.parametrize("name", ["layout.html", "..%2fapp.py", "nothing.js", "../app.py"])
def test_nothing_else_is_sent(service: Within, name: str) -> None:
    """Templates and what lies elsewhere are no files of pages."""
    assert service.ask("GET", f"/static/{name}").status == 404


def test_pages_are_small_and_whole() -> None:
    """Every page with all that it loads has less than 40 kB, and nothing is loaded from elsewhere
    or stands in the page where its policy forbids it."""
    folder = resources.files("bakeoff.serving").joinpath("pages")
    files = {one.name: one.read_text(encoding="utf-8") for one in folder.iterdir()}
    for name in ("try.html", "watch.html", "card.html"):
        needed, seen = [name, "layout.html", "icon.svg", "style.css"], set()
        while needed:
            one = needed.pop()
            if one not in seen:
                seen.add(one)
                needed += re.findall(r'(?:\./|version }}/|include ")([\w.]+\.\w+)"', files[one])
        assert len(seen) > 4 or name == "card.html"
        assert sum(len(files[one].encode()) for one in seen) < 40_000, (name, seen)
    for name, text in files.items():
        assert not re.findall(r'https?://(?!www\.w3\.org/2000/svg")', text), name
        assert not re.findall(r"<style|<script>| style=| on\w+=\"", text), name


def test_what_is_served_is_said(service: Within) -> None:
    """The page names champion, digest and engine, and is never kept by a browser."""
    page = service.ask("GET", "/")
    champion = service.service.live.current.champion
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for text in (champion.name, champion.digest, champion.engine.name):
        assert text in page.body.decode()
    facts = service.ask("GET", "/page.json").json()
    assert facts["classes"] == list(champion.classes)
    assert facts["journal"] is False


def test_samples_are_the_goldens(service: Within) -> None:
    """Each is sent as it is in the champion, and there are no more."""
    labels = service.ask("GET", "/page.json").json()["samples"]
    assert labels == sorted(labels)
    folder = Path(str(service.service.settings.champion)) / "goldens"
    goldens = {path.read_bytes() for path in folder.glob("*.png")}
    sent = [service.ask("GET", f"/samples/{place}") for place in range(len(labels))]
    assert {one.body for one in sent} == goldens
    assert {one.headers["content-type"] for one in sent} == {"image/png"}
    beyond = service.ask("GET", f"/samples/{len(labels)}")
    assert (beyond.status, beyond.json()["detail"]) == (404, "There are not so many samples.")


def test_no_page(tmp_path: Path) -> None:
    """--ui none has nothing at / but a hint; what is read only stays."""
    with within(made.with_graph(tmp_path / "champion"), ui="none") as service:
        front = service.ask("GET", "/")
        assert front.status == 404
        assert front.json()["detail"] == (
            "This service has no page (--ui none). POST /predict takes pictures; see /docs."
        )
        assert service.ask("POST", "/try").status == 404
        assert service.ask("GET", "/watch").status == 200
