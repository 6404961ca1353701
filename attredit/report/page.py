"""report.html: one page with everything in it, for light and dark screens, wide and narrow."""

from __future__ import annotations

from attredit.report import figures
from attredit.report.content import Content
from attredit.report.curves import curve
from attredit.report.document import rendered


def page(content: Content) -> str:
    """The whole page."""
    *most, last = (name.replace("_", " ") for name in content.config.schema_.names)
    return rendered(
        "report/page.html.jinja",
        content=content,
        config=content.config,
        evaluation=content.evaluation,
        names=f"{', '.join(most)} and {last}" if most else last,
        shown={column for edits in content.edits for column in edits.columns},
        figures=figures,
        curve=curve,
    )
