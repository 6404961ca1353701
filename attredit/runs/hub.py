"""Runs on the Hugging Face Hub: ``hf:USER/NAME``, or ``hf:USER/NAME@REVISION``, wherever a RUN is asked for.

huggingface_hub fetches, resumes and caches, and knows tokens, the endpoint and whether it may go online. Nothing is
asked of the hub but what is named so, and nothing fetched but JSON and safetensors.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from attredit.errors import RunError, UsageError

PREFIX = "hf:"

FILES = ("config.json", "model.safetensors", "metrics.jsonl", "evaluation*.json")
"""What is fetched."""

_TOKEN = "Say who you are: hf auth login, or the environment variable HF_TOKEN."


class Address(NamedTuple):
    """Where on the hub a run lies.

    Attributes:
        repository: USER/NAME.
        revision: A branch, tag or commit; None for what is newest.
    """

    repository: str
    revision: str | None

    def __str__(self) -> str:
        return PREFIX + self.repository + ("" if self.revision is None else f"@{self.revision}")


def place_of(name: str) -> Address:
    """What ``hf:USER/NAME[@REVISION]`` means.

    Raises:
        UsageError: it is not of that form.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    repository, at, revision = name.removeprefix(PREFIX).partition("@")
    try:
        validate_repo_id(repository)
    except HFValidationError:
        repository = ""
    if repository.count("/") != 1 or bool(at) != bool(revision):
        raise UsageError(f"{name!r} names no run on the hub.", "Write hf:USER/NAME, or hf:USER/NAME@REVISION.")
    return Address(repository, revision or None)


def fetched(name: str) -> Path:
    """The directory of a run on the hub, in the cache of huggingface_hub; fetched if it is not there yet.

    Args:
        name: ``hf:USER/NAME[@REVISION]``.

    Raises:
        UsageError: the name is none.
        RunError: there is no such run, the hub may not be asked, refuses, or cannot be reached.
    """
    from huggingface_hub import snapshot_download

    place = place_of(name)
    with reaching(place):
        # One by one: of several at once, huggingface_hub takes the connection away from the others when one fails.
        found = snapshot_download(place.repository, revision=place.revision, allow_patterns=list(FILES), max_workers=1)
    return Path(found)


def cached() -> dict[str, Path]:
    """Directories of what was fetched before and is still in the cache of huggingface_hub, by ``hf:USER/NAME``.

    Of each repository the one that was fetched last; those that lack what a run has are none.
    """
    from huggingface_hub import CacheNotFound, constants, scan_cache_dir

    try:
        found = scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:
        return {}
    needed = {file for file in FILES if "*" not in file and file != "metrics.jsonl"}
    runs: dict[str, Path] = {}
    for repository in sorted(found.repos, key=lambda one: one.repo_id):
        newest = max(repository.revisions, key=lambda one: one.last_modified, default=None)
        if newest is not None and needed <= {file.file_name for file in newest.files}:
            runs[PREFIX + repository.repo_id] = newest.snapshot_path
    return runs


@contextlib.contextmanager
def reaching(place: Address) -> Iterator[None]:
    """Make a sentence of whatever goes wrong between here and the hub."""
    from huggingface_hub import constants, errors

    try:
        yield
    except errors.RevisionNotFoundError:
        raise RunError(f"{PREFIX}{place.repository} has no revision {place.revision}.", "Name another.") from None
    except errors.GatedRepoError:
        raise RunError(f"{place} is open only to those whom its owner lets in.", f"Ask there. {_TOKEN}") from None
    except errors.RepositoryNotFoundError:
        raise RunError(f"There is no {place} on the hub that you may see.", f"If it is private: {_TOKEN}") from None
    except errors.LocalEntryNotFoundError as error:
        if constants.is_offline_mode():
            raise RunError(f"{place} is not in the cache, and HF_HUB_OFFLINE is set.", "Unset it to fetch.") from None
        raise _refused(place, error.__cause__ or error) from error
    except (errors.HTTPError, OSError) as error:
        raise _refused(place, error) from error
    except RuntimeError as error:  # of an upload, which says why in its cause
        raise _refused(place, error.__cause__ or error) from error


def _refused(place: Address, error: BaseException) -> RunError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    reasons = {401: "does not know who asks", 403: "does not allow it", 429: "is asked too often just now"}
    if status in (401, 403):
        return RunError(f"{place}: the hub {reasons[status]}.", _TOKEN)
    if status is not None:
        said = reasons.get(status, f"answers {status}")
        return RunError(f"{place}: the hub {said}.", "Try again later: whole files are kept.")
    reason = " ".join(str(error).split()) or type(error).__name__
    return RunError(f"{place}: the hub cannot be reached: {reason}.", "Try again: whole files are kept.")
