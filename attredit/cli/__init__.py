"""The command line. Nothing here or in a command's module imports torch until a command that needs it runs.

group.py      the commands, loaded on demand, and how every error leaves the program
console.py    lines, tables and progress bars; silent on all but the main process
options.py    what several commands take
sources.py    a data set as a command line names it
outputs.py    which file each picture goes to
tables.py     tables of one look
comparisons.py  a benchmark's tables
watch.py      what `attredit train` shows
watch_cells.py  what `attredit benchmark` shows
*.py          one command each
"""

from __future__ import annotations


def main() -> None:
    """The console script: run the command that `sys.argv` names, and leave the process with its exit code."""
    from attredit.cli.group import cli

    cli.main(prog_name="attredit")
