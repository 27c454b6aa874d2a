"""Model cards for a browser."""

from __future__ import annotations

import pytest

from bakeoff.serving.cards import card

WHOLE = """---
license: "mit"
tags:
- image-classification
- bakeoff
model-index:
- name: "cnn3"
  results:
  - task:
      type: image-classification
---

# cnn3, of **digits**

> Mind this.

| | value |
| :-- | --: |
| accuracy | 71 % |

```
fixed <b>
```
"""


def test_what_a_card_says() -> None:
    """Headings, warnings, tables and listings are what they are meant to be; the header's lines
    are facts."""
    found = card(WHOLE)
    assert found.facts == (("license", "mit"), ("tags", "image-classification, bakeoff"))
    text = str(found.text)
    assert "<h1>cnn3, of <strong>digits</strong></h1>" in text
    assert "<blockquote>\n<p>Mind this.</p>" in text
    assert '<td class="right">71 %</td>' in text
    assert 'aria-label="Table 1"' in text
    assert "<th" not in text.partition("value")[0].rpartition("<tr>")[2].partition("<td></td>")[0]
    assert "fixed &lt;b&gt;" in text
    assert "style=" not in text
    assert "license" not in text


@pytest.mark.parametrize(
    ("markdown", "never"),
    [
        ("<script>alert(1)</script>", "<script"),
        ("<img src=x onerror=alert(1)>", "<img"),
        ("[x](javascript:alert(1))", "href"),
        ("![x](https://example.org/x.png)", "<img"),
        ("[x](data:text/html,x)", "href"),
        ("| <b>x</b> |\n| - |\n| <i> |", "<b>"),
        ('```"onclick="x\n<b>\n```', "<b>"),
    ],
)
def test_what_is_written_in_it_stays_text(markdown: str, never: str) -> None:
    """Nothing in a card becomes a script, an element of its own, or a foreign picture."""
    assert never not in str(card(markdown).text)


def test_a_card_without_header() -> None:
    """It is all text; so is one whose header never ends."""
    assert card("# x").facts == ()
    assert card("").text == ""
    assert "license" in card("---\nlicense: mit\n").text
