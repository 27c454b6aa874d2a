"""A model card for a browser. Whatever is written in it, only text and links come of it."""

from __future__ import annotations

import importlib
import itertools
import re
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

__all__ = ["Card", "card"]

_HEADER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_FACT = re.compile(r"([A-Za-z_]+):\s*(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What stands in it."""

    facts: tuple[tuple[str, str], ...]
    """Of its header, what fits on a line."""

    text: Markup


def card(markdown: str) -> Card:
    """Of a model card's Markdown with its YAML header."""
    markdown = markdown.replace("\r\n", "\n")
    header = _HEADER.match(markdown)
    body = markdown[header.end() :] if header else markdown
    # By its name: nobody waits for it before a card is asked for.
    markdown_it: Any = importlib.import_module("markdown_it")
    # No HTML in it is taken for HTML, addresses are those of pages and of nothing else, and no
    # picture is fetched from anywhere.
    parser = markdown_it.MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    text: str = parser.render(body)
    # What is wider than a telephone scrolls within itself, and can be reached without a mouse.
    text = _numbered(
        text,
        r"<table>",
        '<div class="scroll" role="region" aria-label="Table {}" tabindex="0"><table>',
    ).replace("</table>", "</table></div>")
    text = _numbered(text, r"<pre>", '<pre role="region" aria-label="Listing {}" tabindex="0">')
    # Where columns stand is said by a class: the page's policy knows no styles but its own.
    text = re.sub(r' style="text-align:(left|right|center)"', r' class="\1"', text)
    # What heads nothing is no header.
    text = re.sub(r"<th( [^>]*)?></th>", "<td></td>", text)
    return Card(facts=tuple(_facts(header[1] if header else "")), text=Markup(text))


def _numbered(text: str, mark: str, by: str) -> str:
    """Places of one kind have names of their own."""
    count = itertools.count(1)
    return re.sub(mark, lambda found: by.format(next(count)), text)


def _facts(header: str) -> list[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    last = None
    for line in header.splitlines():
        fact = _FACT.fullmatch(line)
        if fact is not None:
            last, value = fact.groups()
            found[last] = [value.strip("\"'")] if value else []
        elif last is not None and line.startswith("- ") and ":" not in line:
            found[last].append(line[2:].strip().strip("\"'"))
    shown = {name.replace("_", " "): ", ".join(values) for name, values in found.items()}
    return [(name, value) for name, value in shown.items() if value]
