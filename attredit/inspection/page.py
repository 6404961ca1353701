"""What a data set is, as one HTML page in the looks of a run's report."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from attredit.attributes import Attribute
from attredit.inspection.collection import GROUPS, Inspection, warnings_of
from attredit.inspection.matrix import matrix_svg
from attredit.report.document import rendered
from attredit.report.faces import value_title
from attredit.report.grid import Pixels

_SHOWN_OF_GROUP = 4


def page(inspection: Inspection, command: str) -> str:
    """The whole page.

    Args:
        inspection: What to show.
        command: The command line that made it.
    """
    schema, geometry = inspection.schema, inspection.stores[inspection.first].geometry
    facts = {f"Images in {split}": f"{len(own):,}" for split, own in inspection.stores.items()}
    facts["Attributes"] = str(len(schema))
    facts["Prepared at"] = f"{geometry.size} × {geometry.size}, {geometry.channels} channels"
    return rendered(
        "inspection/page.html.jinja",
        inspection=inspection,
        command=command,
        facts=facts,
        warnings=warnings_of(inspection),
        matrix=matrix_svg(inspection.associations[inspection.first], schema.names) if len(schema) > 1 else None,
        examples=partial(_examples, inspection),
        groups=[group[:_SHOWN_OF_GROUP] for group in inspection.duplicates.groups(GROUPS)],
    )


def _examples(inspection: Inspection, attribute: Attribute) -> Iterator[tuple[str, int, Pixels]]:
    """Of each value that some images have, the last first: what it is called, how many images are shown, and these."""
    images = inspection.stores[inspection.first].images
    for value in reversed(range(len(attribute.values))):
        rows = inspection.examples(attribute, value)
        if len(rows):
            yield value_title(attribute, value).replace("_", " "), len(rows), np.concatenate(images[rows], axis=1)
