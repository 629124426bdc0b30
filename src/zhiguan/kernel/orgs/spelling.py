"""Pinyin of names, so that lists answer to ``shczj`` and ``caizheng`` as well as to 财政."""

from __future__ import annotations

SURNAMES = {
    "单": "shan", "仇": "qiu", "解": "xie", "查": "zha", "曾": "zeng", "区": "ou", "任": "ren", "朴": "piao",
    "尉": "wei", "翟": "zhai", "盖": "ge", "冼": "xian", "缪": "miao", "乐": "yue", "华": "hua", "葛": "ge",
    "纪": "ji", "燕": "yan", "宁": "ning", "应": "ying", "员": "yun", "种": "chong",
}  # fmt: skip
"""Characters that are read differently as a surname."""


def syllables(text: str) -> list[str]:
    """Return the toneless syllables of the text, lower case; letters and digits stay together, the rest is dropped."""
    from pypinyin import lazy_pinyin  # its tables take long to load, and few processes spell anything

    parts = (part.lower() for part in lazy_pinyin(text))
    kept = ("".join(letter for letter in part if letter.isascii() and letter.isalnum()) for part in parts)
    return [part for part in kept if part]


def spell(text: str) -> tuple[str, str]:
    """Return (pinyin without spaces, initials) of a text, e.g. 财政局 → (``caizhengju``, ``czj``)."""
    parts = syllables(text)
    return "".join(parts), "".join(part[0] for part in parts)


def spell_person(name: str) -> tuple[str, str]:
    """Return (pinyin, initials) of a person's name; surnames are read as such: 曾伟 → (``zengwei``, ``zw``)."""
    parts = syllables(name)
    if parts and name[0] in SURNAMES:
        parts[0] = SURNAMES[name[0]]
    return "".join(parts), "".join(part[0] for part in parts)


def spell_unit(name: str, short_name: str = "") -> tuple[str, str]:
    """Return (pinyin, initials) of a unit; those of the short name follow after a blank."""
    pairs = [spell(each) for each in dict.fromkeys((name, short_name)) if each]
    return " ".join(pair[0] for pair in pairs), " ".join(pair[1] for pair in pairs)
