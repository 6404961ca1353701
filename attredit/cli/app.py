"""``attredit app``: a page on which to edit pictures, on this machine."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from attredit.cli.console import say
from attredit.cli.options import RunPath, device_option
from attredit.errors import UsageError


@click.command
@click.argument("runs", nargs=-1, type=RunPath(), metavar="[RUN]...")
@click.option("--port", type=click.IntRange(0, 65535), default=7860, show_default=True, help="Of the page; 0: any.")
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page in a browser.")
@device_option
def command(runs: tuple[Path, ...], port: int, browser: bool, device: str | None) -> None:
    """Edit pictures on a page: drop one, move a slider, compare before and after, download.

    Without RUN it edits with the first of `attredit models`; several runs are shown side by side. The page is for this
    machine alone (127.0.0.1), and fetches nothing from elsewhere. Ctrl-C ends it.

    Example: attredit app
    """
    import webbrowser

    from attredit.app.server import HOST, serve
    from attredit.app.studio import Studio
    from attredit.runs.directory import RunDirectory
    from attredit.runs.named import box

    chosen = runs or tuple(box().values())[:1]
    if not chosen:
        raise UsageError("No model comes with this attredit.", "Name a run: attredit app RUN.")
    for run in chosen:
        RunDirectory(run).config()  # an error about a run comes before the imports that take seconds
    with serve(Studio.of(chosen, device), port) as server:
        page = f"http://{HOST}:{server.server_port}/"
        try:
            say(f"Edit pictures at {page} (Ctrl-C ends it)", bold=True)
            if browser:
                webbrowser.open(page)
            server.serve_forever()
        except KeyboardInterrupt:
            say("Ended.")
