"""What the options of data sources share."""

from __future__ import annotations

from attredit.errors import UsageError


def whole_number(name: str, value: object, low: int, high: int) -> int:
    """An option as a whole number in [low, high].

    Raises:
        UsageError: it is none.
    """
    try:
        number = int(str(value))
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise UsageError(f"{name} is {value!r}.", f"It must be a whole number from {low} to {high}.")
    return number
