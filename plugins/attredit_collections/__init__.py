"""collections: data sets that people bring, as folders or in the Hugging Face format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit import Register

attredit_api = 1


@hookimpl
def register_datasets(register: Register) -> None:
    """The data sets."""
    register(
        "folder",
        "attredit_collections.folder:Folder",
        summary="your images: a folder with a table of labels, or one sub-folder a class; folder:PATH",
    )
    register(
        "hf",
        "attredit_collections.hub:HuggingFace",
        summary="whatever load_dataset of Hugging Face opens, from the hub or a folder; hf:NAME",
    )
