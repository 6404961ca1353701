"""A hook of mkdocs: every command with its arguments and options, from the commands themselves.

mkdocs-click would ask the group for its commands and be given what listing them needs: it imports none of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from attredit.cli.group import cli

HERE = "<!-- the commands -->"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the commands where a page asks for them."""
    return markdown.replace(HERE, reference()) if HERE in markdown else markdown


def reference() -> str:
    """A section for every command, in Markdown."""
    return "\n".join(_section(cli, "attredit", None, 2))


def _section(command: click.Command, name: str, parent: click.Context | None, level: int) -> Iterator[str]:
    context = command.context_class(command, info_name=name, parent=parent, **command.context_settings)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"{'#' * level} {context.command_path}\n"
    yield f"```text\n{context.command_path} {usage}\n```\n\n{inspect.cleandoc(command.help or '')}\n"
    yield "| Option | |\n| --- | --- |"
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield _row(parameter, context)
    yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            _, below, _ = command.resolve_command(context, [name])
            assert below is not None
            yield from _section(below, name, context, level + 1)


def _row(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    assert record is not None
    names, meaning = (text.replace("|", "\\|") for text in record)
    return f"| `{names}` | {meaning} |"
