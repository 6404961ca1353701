"""An HTML page that needs no other file: what all pages have around what they say."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from attredit.report.encoding import encoded

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image


def document(title: str, body: Iterable[str], *, styles: Iterable[str] = (), script: str = "") -> str:
    """The whole page.

    Args:
        title: Shown by the browser.
        body: Elements of its main part.
        styles: Packages whose page.css comes after the common one.
        script: JavaScript that runs at the end.
    """
    packages = ("attredit.report", *styles)
    style = "\n".join(files(package).joinpath("page.css").read_text("utf-8") for package in packages)
    run = f"<script>\n{script}</script>\n" if script else ""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n" + "\n".join(body) + f"\n</main>\n{run}</body>\n</html>\n"
    )


def embedded(image: Image, alt: str, name: Path) -> str:
    """An image as an element that holds it, in the format that a file name's ending says."""
    kind = {".jpg": "jpeg"}.get(name.suffix, name.suffix[1:])
    data = base64.b64encode(encoded(image, name)).decode()
    width, height = image.size
    source = f"data:image/{kind};base64,{data}"
    return f'<img src="{source}" alt="{escape(alt)}" width="{width}" height="{height}" loading="lazy">'
