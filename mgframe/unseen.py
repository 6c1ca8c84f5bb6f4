"""What a reader of a text would not see, spelt out: no name moves, hides or reverses what follows.

A right-to-left override turns round the rest of a line, an escape colours or clears a terminal, a
line break ends a row of a table; a name from an account may hold any of them.
"""

from __future__ import annotations

import unicodedata
from typing import Final

#: Unicode's categories of controls, formats, surrogates, private and unassigned characters.
NO_LETTERS: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_UNSEEN: Final = NO_LETTERS | {"Zl", "Zp"}  # separators of lines and paragraphs


def visible(text: str) -> str:
    r"""Return a text with what cannot be seen spelt out.

    Examples
    --------
    >>> visible("a\u202eb\n.com")
    'a⟨U+202E⟩b⟨U+000A⟩.com'
    """
    return "".join(
        f"⟨U+{ord(char):04X}⟩" if unicodedata.category(char) in _UNSEEN else char for char in text
    )


def visible_lines(text: str) -> str:
    """Return a text of several lines, each of them visible."""
    return "\n".join(map(visible, text.split("\n")))
