"""HTML pages that need no other file, and model cards, from templates that lie beside the code of each.

``report/document.html.jinja`` has what all pages have, ``report/parts.html.jinja`` what some have; what pages are given
is escaped. All templates know `image` and the module `faces`; everything else is given to them.
"""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from attredit.report import faces
from attredit.report.encoding import encoded
from attredit.report.grid import Pixels, as_image

_ROOMS = Path(__file__).parents[1]


def rendered(template: str, **given: Any) -> str:
    """A page, or a model card.

    Args:
        template: Where it lies, as ``report/page.html.jinja``.
        **given: What it shows.
    """
    return _environment().get_template(template).render(**given)


def image(pixels: Pixels, alt: str, ending: str = ".png") -> Markup:
    """An image (H, W, C) as an element that holds it, in the format of a file name's ending."""
    kind = {".jpg": "jpeg"}.get(ending, ending[1:])
    data = base64.b64encode(encoded(as_image(pixels), Path(f"image{ending}"))).decode()
    height, width = pixels.shape[:2]
    element = '<img src="data:image/{};base64,{}" alt="{}" width="{}" height="{}" loading="lazy">'
    return Markup(element).format(kind, data, alt, width, height)


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(_ROOMS)
    how: dict[str, Any] = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    # In Markdown nothing is to be escaped.
    made = Environment(loader=loader, autoescape=lambda name: not str(name).endswith(".md.jinja"), **how)
    made.globals |= {"image": image, "faces": faces}
    made.filters |= {"spaced": lambda name: name.replace("_", " "), "counted": lambda n: f"{n:,}"}
    made.filters |= {"quoted": lambda names: ", ".join(f"`{name}`" for name in names)}
    return made
