"""A new plugin's distribution: its names, its files from templates, and how it appears on the disk."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from attredit.errors import UsageError
from attredit.files import explained
from attredit.plugin.registry import Registry
from attredit.version import API, __version__

KINDS = {
    "factorizer": "penalises correlation of the latent with the attributes",
    "method": "naive-cvaegan whose edits keep the latent",
    "dataset": "discs, small or large, blue or red",
    "network": "an encoder and a decoder of a few convolutions",
    "metric": "how much an attribute changes the brightness",
    "term": "edits that are undone give the image back",
    "discriminator": "a discriminator or classifier of a few convolutions",
}
"""What can be begun, and what the working example in it does."""

LONGEST = 30  # With longer names, lines of the templates would break elsewhere.

_TEMPLATES = Path(__file__).parent / "templates"
_SUFFIX = ".jinja"


def checked_name(name: str, registry: Registry) -> str:
    """The name of a new plugin, which its distribution, its package and what it registers are called after.

    Raises:
        UsageError: it cannot be one, or something installed has it.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or name.startswith("attredit-"):
        raise UsageError(
            f"A plugin cannot be called {name!r}.",
            f"Use lower-case letters, digits and single dashes, the first a letter{_suggested(name)}.",
        )
    if len(name) > LONGEST:
        raise UsageError(f"{name!r} has {len(name)} characters.", f"A plugin's name has at most {LONGEST}.")
    for plugin in registry.plugins:
        if name == plugin.name:
            raise UsageError(f"There is a plugin {name!r} already, from {plugin.distribution}.", "Take another name.")
        for component in plugin.components:
            if name == component.name:
                # Two components of one short name would both have to be asked for by their full ids.
                raise UsageError(f"{name!r} is a {component.kind} of plugin {plugin.name}.", "Take another name.")
    return name


@dataclass(frozen=True)
class Distribution:
    """A distribution that is to be written.

    Attributes:
        name: Of the plugin, as `checked_name` lets it pass.
        kind: One of `KINDS`.
    """

    name: str
    kind: str

    @property
    def title(self) -> str:
        """What pip calls it."""
        return f"attredit-{self.name}"

    @property
    def package(self) -> str:
        """What Python calls it."""
        return f"attredit_{self.name.replace('-', '_')}"

    @property
    def commands(self) -> tuple[str, ...]:
        """How to see the example do something, once it is installed."""
        return tuple(self._rendered(f"{self.kind}/_try.txt{_SUFFIX}").splitlines())

    @cached_property
    def files(self) -> dict[str, str]:
        """Its files, by path."""
        found = {}
        for template in self._environment.list_templates():
            kind, _, path = template.partition("/")
            if kind in ("common", self.kind) and not path.startswith("_"):
                path = re.sub("^package/", f"{self.package}/", path).removesuffix(_SUFFIX)
                found[path] = self._rendered(template)
        return found

    def write(self, directory: Path) -> None:
        """Write it to a directory, which appears complete or not at all.

        Raises:
            UsageError: something is there already, or the directory that it should be made in does not exist.
            RunError: it cannot be written.
        """
        target = directory.absolute()
        if target.exists() or target.is_symlink():
            raise UsageError(f"{directory} exists already.", "Name another place with -o, or remove it.")
        if not target.parent.is_dir():
            raise UsageError(f"There is no directory {directory.parent}.", "Make it, or name another place with -o.")
        files = self.files
        with explained(directory), tempfile.TemporaryDirectory(prefix=".attredit-", dir=target.parent) as place:
            # One level down: the temporary directory itself is its owner's alone.
            made = Path(place) / "made"
            for path, text in files.items():
                (made / path).parent.mkdir(parents=True, exist_ok=True)
                (made / path).write_text(text, "utf-8", newline="\n")
            made.rename(target)

    @cached_property
    def _environment(self) -> Environment:
        # Nothing here is a web page: escaping would only damage it.
        loader = FileSystemLoader(_TEMPLATES)
        return Environment(
            loader=loader, undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
        )

    def _rendered(self, template: str) -> str:
        return self._environment.get_template(template).render(
            name=self.name,
            kind=self.kind,
            title=self.title,
            package=self.package,
            summary=KINDS[self.kind],
            api=API,
            version=__version__,
        )


def _suggested(name: str) -> str:
    """The nearest name that could be one, as the end of a sentence."""
    plain = re.sub("^([-0-9]+|attredit-)+|-+$", "", re.sub("[^a-z0-9]+", "-", name.lower()))
    return f", such as {plain[:LONGEST].strip('-')}" if plain else ""
