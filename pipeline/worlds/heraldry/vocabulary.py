"""Collects all words used in this world, for word-level tokenizers."""

from pipeline.worlds.heraldry.arms import attribute_words
from pipeline.worlds.heraldry.captions import DEEDS, OBJECTS, PERSONS
from pipeline.worlds.heraldry.encyclopedia import SHORT, WORDINGS
from pipeline.worlds.heraldry.houses import FIRST_NAMES, SECOND_NAMES
from pipeline.worlds.heraldry.views import PROPS, SCENES, WEATHERS

_GLUE = "a an the of on in with within and it its house houses . , :".split()


def words_of(texts: tuple[str, ...]) -> set[str]:
    """Return the words in the texts, leaving out placeholders in braces."""
    return {word for text in texts for word in text.replace("}", "{").split("{")[::2] for word in word.split()}


def world_words() -> list[str]:
    """Return all words in names, captions, generic captions and explanations, sorted."""
    views = (*SCENES.values(), *WEATHERS.values(), *PROPS.values())
    phrases = words_of((*PERSONS, *DEEDS, *OBJECTS, *views, SHORT, *WORDINGS))
    return sorted({*_GLUE, *attribute_words(), *FIRST_NAMES, *SECOND_NAMES, *phrases})
