"""Calls what plugins registered, with options that users wrote: what does not fit is said in one sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, get_args, get_origin, get_type_hints

from attredit.errors import AttrEditError, UsageError, in_one_line, nearest

IN = "In "
"""How the note begins that says whose code an error is of."""


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Errors of others' code are told to be of that code, by a note; what they are, they stay.

    Args:
        what: The code, such as "encoder networks/conv"; of calls within calls, the innermost is named.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, AttrEditError) and not named(error):
            error.add_note(f"{IN}{what}.")
        raise


def named(error: BaseException) -> str:
    """Whose code an error is of, as `naming` was told; empty where nobody was named."""
    notes = (note for note in getattr(error, "__notes__", ()) if note.startswith(IN))
    return next(notes, "").removeprefix(IN).removesuffix(".")


def call(make: Callable[..., Any], where: str, options: dict[str, Any], what: str = "") -> Any:
    """Call a constructor with options, naming those that it does not know; what it makes of their values, it says.

    Args:
        make: The constructor.
        where: The options' place, for messages.
        options: Keyword arguments.
        what: Whose constructor it is, as for `naming`.
    """
    check(make, where, options)
    try:
        with naming(what or where):
            return make(**options)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        given = ", ".join(f"{name}={value!r}" for name, value in options.items())
        to = f", to {what}" if what else ""
        raise UsageError(f"{where} cannot be used: {in_one_line(error)}.", f"Given: {given or 'none'}{to}.") from error


def check(make: Callable[..., Any], where: str, options: dict[str, Any], skip: int = 0) -> None:
    """Make sure that a function can be called with these options, beside its first `skip` arguments.

    Raises:
        UsageError: it has no such option, an option is none of the words that it may be, or one is lacking.
    """
    signature = inspect.signature(make).parameters
    if any(p.kind is p.VAR_KEYWORD for p in signature.values()):
        return
    known = list(signature)[skip:]
    for option in options:
        if option not in known:
            raise UsageError(f"{where} has no {option!r}.", nearest(option, known))
        allowed = _allowed(make, option)
        if allowed and options[option] not in allowed:
            raise UsageError(f"{where}.{option} is {options[option]!r}.", nearest(str(options[option]), allowed))
    missing = [n for n in known if signature[n].default is inspect.Parameter.empty and n not in options]
    if missing:
        raise UsageError(f"{where} needs {', '.join(missing)}.")


def _allowed(make: Callable[..., Any], option: str) -> tuple[str, ...]:
    """The words that an option may be, where its annotation, a Literal, says so."""
    while isinstance(make, partial):
        make = make.func
    try:
        hint = get_type_hints(make.__init__ if inspect.isclass(make) else make).get(option)
    except (NameError, TypeError):  # annotations for type checkers alone
        return ()
    return get_args(hint) if get_origin(hint) is Literal else ()
