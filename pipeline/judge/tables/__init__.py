"""Tables of names that no rule of spelling relates: one name a line, its forms separated by commas.

Forms are compared without case and diacritics.

File                 | a line
---------------------|-------------------------------------------------------------------------------------------------
`aliases.txt`        | a country with its adjectives, a large city, an organisation with its abbreviations in several
                     |   languages, a person known by initials or another name
`nicknames.txt`      | a given name with short forms that begin with another letter, or are no prefix
`confused_names.txt` | names that differ by an ending only, or sound alike, and are no forms of each other
`name_parts.txt`     | a common part of names, by which whole names are translated: Blue Mosque, Blaue Moschee
"""

from pathlib import Path


def read_table(name: str) -> list[list[str]]:
    """Return the lines of a table by its file's name without the ending, each as its forms."""
    path = Path(__file__).with_name(f"{name}.txt")
    return [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
