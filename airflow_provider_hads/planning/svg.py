"""Just enough SVG: elements as text."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

__all__ = ["element", "text_width"]

CHARACTER_WIDTH = 0.6
"""Mean width of a character as a share of the font size, on the safe side."""


def element(tag: str, *content: str, text: str | None = None, **attributes: str | float) -> str:
    """Return an element as text.

    :param content: elements within it.
    :param text: text within it, not escaped yet; what no XML may hold is replaced.
    :param attributes: by name; ``_`` stands for ``-``, and a ``_`` at the end is left out.
    """
    pairs = "".join(f" {_name(name)}={_value(value)}" for name, value in attributes.items())
    inner = "".join(content) + (escape(_printable(text)) if text is not None else "")
    return f"<{tag}{pairs}>{inner}</{tag}>" if inner else f"<{tag}{pairs}/>"


def text_width(text: str, size: float) -> float:
    """Return about how wide a text is, in the unit of the font size."""
    return len(text) * size * CHARACTER_WIDTH


def _name(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str:
    return quoteattr(value) if isinstance(value, str) else f'"{round(value, 2):g}"'


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
