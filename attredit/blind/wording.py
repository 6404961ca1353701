"""What people are asked, from an attribute and the value that an edit should give it."""

from __future__ import annotations

from attredit.attributes import Attribute

# Of two values with these names, the second says that the attribute is there.
_YES = {"1", "yes", "y", "true", "on", "present"}
_NO = {"0", "-1", "no", "n", "false", "off", "absent"}
# Attributes that say how something is; what ends in -ing does, too. All others say what it has.
_ADJECTIVES = {
    "attractive", "bald", "black", "blond", "blue", "blurry", "brown", "chubby", "female", "formal", "green", "grey",
    "male", "old", "pale", "red", "thick", "thin", "white", "yellow", "young",
}  # fmt: skip


def question(attribute: Attribute, label: int, noun: str) -> str:
    """What is asked: "Which looks more like the same person, smiling?".

    Args:
        attribute: What was edited.
        label: The value that was asked for.
        noun: What the pictures show.
    """
    return f"Which looks more like the same {noun}, {wanted(attribute, label)}?"


def wanted(attribute: Attribute, label: int) -> str:
    """The value in words: "smiling", "not young", "without eyeglasses", "with hair: blond"."""
    name, value = attribute.name.replace("_", " ").lower(), attribute.values[label]
    if not (attribute.binary and attribute.values[0].lower() in _NO and attribute.values[1].lower() in _YES):
        return f"with {name}: {value.replace('_', ' ')}"
    if name.startswith("no "):
        return f"{('with', 'without')[label]} {name.removeprefix('no ')}"
    if name in _ADJECTIVES or name.split(" ")[0].endswith("ing"):
        return name if label else f"not {name}"
    return f"{('without', 'with')[label]} {name}"
