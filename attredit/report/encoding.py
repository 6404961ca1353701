"""Images as bytes of a file, and as files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attredit.errors import RunError
from attredit.files import write_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

# Of lossy formats, a quality at which what an edit leaves alone stays as good as it came.
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}


def write_image(image: Image, path: Path, **more: Any) -> None:
    """Write an image file atomically, making its directory.

    Args:
        image: What to write.
        path: Where; its ending says in which format.
        **more: Passed to PIL.

    Raises:
        RunError: it cannot be written, or the format cannot hold it.
    """
    write_bytes(path, encoded(image, path, **more))


def encoded(image: Image, path: Path, **more: Any) -> bytes:
    """An image as the bytes of a file of that name, with its colour profile.

    Raises:
        RunError: the format cannot hold it.
    """
    from PIL import Image as Images

    kind = Images.registered_extensions().get(path.suffix.lower(), "PNG")
    buffer = BytesIO()
    try:
        image.save(buffer, kind, **{"icc_profile": image.info.get("icc_profile"), **_OPTIONS.get(kind, {}), **more})
    except (OSError, ValueError) as error:
        raise RunError(f"Cannot write {path}: {error}.", "Use another format, such as .png.") from error
    return buffer.getvalue()
