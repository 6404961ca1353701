"""Ways to damage a file: bytes, numbers and words in a text, a tree of JSON, and what only a format knows."""

from __future__ import annotations

import json
import pickle
import random
import re
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import numpy as np

CANARY = "canary"
"""A file that appears where something of a file is executed."""

_ODD = (
    None, True, -1, 0, 1e308, -1e-308, float("nan"), float("inf"), 2**31, 2**63, 10**40, "", "\0", "../../x",
    "/etc/passwd", "NaN", "微笑", "\ud800", "a" * 5000, [], {}, [[]], {"": {}}, "0", "1e9", "%s%n",
    "__import__('os').system('touch canary')",
)  # fmt: skip
_WORDS = (
    b"nan",
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b"",
    b"\0",
    b"\xff\xfe",
    b"\r",
    b",,,,",
    b'"',
    b"[",
    b"=cmd|' /C calc'!A1",
)
_MAGIC = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"RIFF\0\0\0\0WEBP",
    b"II*\0",
    b"BM",
    b"PK\3\4",
    b"\x93NUMPY\1\0",
    b"PAR1",
)


class Executed:
    """What unpickling would execute."""

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (CANARY, "w")


def mutated(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    """A file damaged in one to three ways, or replaced.

    Args:
        data: Its bytes.
        dice: What is done is drawn from them.
        others: Files to mix it with.
    """
    if dice.random() < 0.04:
        return dice.choice(_payloads())
    for _ in range(dice.randint(1, 3)):
        data = dice.choice(_ways(data))(data, dice, others)[:20_000_000]
    return data


def _ways(data: bytes) -> list[Callable[[bytes, random.Random, list[bytes]], bytes]]:
    ways = [_flip, _flip, _cut, _drop, _double, _insert, _mix, _magic, _zeros]
    if data[:4] == b"\x89PNG":
        ways += [_png] * 4
    if data[:1] in b"{[" and data:
        ways += [_tree] * 12
    elif data[8:9] == b"{":
        ways += [_header] * 6
    if data and b"\0" not in data:
        ways += [_number] * 4 + [_word] * 2 + [_encoded, _nested]
    return ways


def _flip(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(min(len(data), dice.choice((1, 1, 4, 32)))):
        changed[dice.randrange(len(data))] = dice.choice((0, 0xFF, 0x7F, 0x80, dice.randrange(256)))
    return bytes(changed)


def _cut(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    return data[: dice.randint(0, len(data))]


def _part(data: bytes, dice: random.Random) -> tuple[int, int]:
    start = dice.randint(0, len(data))
    return start, min(len(data), start + dice.choice((1, 4, 16, 256, 5000)))


def _drop(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    start, stop = _part(data, dice)
    return data[:start] + data[stop:]


def _double(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    start, stop = _part(data, dice)
    return data[:stop] + data[start:stop] * dice.choice((1, 2, 300)) + data[stop:]


def _insert(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    start = dice.randint(0, len(data))
    return data[:start] + dice.randbytes(dice.choice((1, 4, 64))) + data[start:]


def _zeros(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    start, stop = _part(data, dice)
    return data[:start] + bytes(stop - start) + data[stop:]


def _mix(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    other = dice.choice(others)
    return data[: dice.randint(0, len(data))] + other[dice.randint(0, len(other)) :]


def _magic(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    magic = dice.choice(_MAGIC)
    return magic + data[len(magic) :]


def _number(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    found = list(re.finditer(rb"-?\d[\d.]*", data))
    return _put(data, dice.choice(found).span(), dice) if found else data


def _word(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    found = list(re.finditer(rb"[^\s,:=\"']+", data))
    return _put(data, dice.choice(found).span(), dice) if found else data


def _put(data: bytes, span: tuple[int, int], dice: random.Random) -> bytes:
    return data[: span[0]] + dice.choice(_WORDS) + data[span[1] :]


def _encoded(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    text = data.decode("latin-1")
    return dice.choice(
        (text.encode("utf-16"), b"\xef\xbb\xbf" + data, text.replace("\n", "\r").encode(), text.encode("utf-7"))
    )


def _nested(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    return dice.choice((b"[", b'{"a":', b"[[", b"a.")) * dice.choice((50, 3000, 100_000)) + data


def _tree(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    """Put something odd in the place of a node, or leave it out; of JSON lines, in one of them."""
    first, *rest = data.splitlines() if b"\n{" in data else [data]
    try:
        tree = json.loads(first)
    except (ValueError, RecursionError):
        return data
    for _ in range(dice.choice((1, 1, 3))):
        holders: list[Any] = [tree]
        for node in holders:
            children = node.values() if isinstance(node, dict) else node
            holders += [child for child in children if isinstance(child, dict | list) and child]
        holder = dice.choice(holders)
        key = dice.choice(list(holder) if isinstance(holder, dict) else range(len(holder))) if holder else None
        if holder and dice.random() < 0.15:
            del holder[key]
        elif holder:
            holder[key] = dice.choice(_ODD)
        if isinstance(holder, dict) and dice.random() < 0.1:
            holder[dice.choice(("", "x", "__class__", "format"))] = dice.choice(_ODD)
    return b"\n".join([json.dumps(tree).encode("ascii"), *rest, b""])


def _header(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    """Of a safetensors file: the length of its header, or something within."""
    (size,) = struct.unpack("<Q", data[:8])
    if dice.random() < 0.2:
        return struct.pack("<Q", dice.choice((0, 1, size - 1, size + 1, 2**32, 2**63))) + data[8:]
    header = _tree(data[8 : 8 + size].rstrip(), dice, others).strip()
    return struct.pack("<Q", len(header)) + header + data[8 + size :]


def _png(data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    """Something else in one of its chunks, whose checksum is right again."""
    chunks, place = [], 8
    while place + 12 <= len(data):
        (size,) = struct.unpack(">I", data[place : place + 4])
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + size]))
        place += 12 + size
    if not chunks:
        return data
    number = dice.randrange(len(chunks))
    kind, content = chunks[number]
    if kind == b"IHDR" and dice.random() < 0.5:
        content = struct.pack(">II", dice.choice((0, 1, 20000, 2**31 - 1)), dice.choice((1, 32, 20000))) + content[8:]
    else:
        content = _flip(content, dice, others)
    chunks[number] = (kind, content)
    return data[:8] + b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks
    )


def _payloads() -> list[bytes]:
    """Files that execute something where they are unpickled or evaluated."""
    pickled = pickle.dumps(Executed())
    array, archive = BytesIO(), BytesIO()
    np.save(array, np.array([Executed()], dtype=object), allow_pickle=True)
    with ZipFile(archive, "w") as packed:
        packed.writestr("archive/data.pkl", pickled)
        packed.writestr("archive/version", "3")
    code = b"__import__('os').system('touch canary')\n"
    return [pickled, array.getvalue(), archive.getvalue(), code, b"!!python/object/apply:os.system ['touch canary']\n"]
