"""What results show of themselves in a notebook, which asks for ``_repr_html_``: facts, figures, pictures."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template
    from PIL.Image import Image

_TEMPLATE = """
<div><strong>{{ title }}</strong>
{% if facts %}<table>{% for name, value in facts.items() %}
<tr><th style="text-align: left">{{ name }}</th><td style="text-align: left">{{ value }}</td></tr>
{% endfor %}</table>{% endif %}
{% for row in rows %}{% if loop.first %}<table><tr>{% for cell in row %}<th>{{ cell }}</th>{% endfor %}</tr>
{% else %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endif %}{% if loop.last %}</table>{% endif %}{% endfor %}
{% for caption, picture in pictures.items() %}
<figure><img src="data:image/png;base64,{{ picture }}" alt="{{ caption }}">
<figcaption>{{ caption }}</figcaption></figure>
{% endfor %}</div>
"""


def html_of(
    title: str,
    facts: Mapping[str, Any],
    rows: Sequence[Sequence[Any]] = (),
    pictures: Mapping[str, bytes] | None = None,
) -> str:
    """A piece of HTML.

    Args:
        title: What it is about.
        facts: By name.
        rows: Of a table below; the first are its headings.
        pictures: Bytes of PNG files by what they show.
    """
    encoded = {caption: base64.b64encode(content).decode() for caption, content in (pictures or {}).items()}
    return _template().render(title=title, facts=facts, rows=rows, pictures=encoded).strip()


def png_of(image: Image) -> bytes:
    """An image as the bytes of a PNG file."""
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def beside(images: Sequence[Image]) -> Image:
    """Images of one size and one kind of colours next to each other."""
    from PIL import Image as PIL

    width, height = images[0].size
    row = PIL.new(images[0].mode, (width * len(images), height))
    for i, image in enumerate(images):
        row.paste(image, (i * width, 0))
    row.info |= images[0].info
    return row


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined).from_string(_TEMPLATE)
