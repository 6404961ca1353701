"""Calls what plugins registered, with options that users wrote: what does not fit is said in one sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin, get_type_hints

from attredit.errors import UsageError, nearest


def call(make: Callable[..., Any], where: str, options: dict[str, Any]) -> Any:
    """Call a constructor with options, naming those that it does not know; what it makes of their values, it says."""
    check(make, where, options)
    try:
        return make(**options)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        given = ", ".join(f"{name}={value!r}" for name, value in options.items())
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{where} cannot be used: {reason}.", f"Given: {given or 'none'}.") from error


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
    try:
        hint = get_type_hints(make.__init__ if inspect.isclass(make) else make).get(option)
    except (NameError, TypeError):  # annotations for type checkers alone, or a partial
        return ()
    return get_args(hint) if get_origin(hint) is Literal else ()
