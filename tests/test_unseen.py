"""Names that a reader would not see are spelt out."""

from __future__ import annotations

import pytest

from mgframe.unseen import visible, visible_lines


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("news.example.com", "news.example.com"),
        ("عربي.example", "عربي.example"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\x1b[2Jgone", "⟨U+001B⟩[2Jgone"),
        ("a\u200bb\u2028c", "a⟨U+200B⟩b⟨U+2028⟩c"),
        ("\ud800", "⟨U+D800⟩"),
    ],
)
def test_what_cannot_be_seen_is_spelt_out(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_lines_stay_lines() -> None:
    assert visible("a\nb") == "a⟨U+000A⟩b"
    assert visible_lines("a\n\x07b\n") == "a\n⟨U+0007⟩b\n"
