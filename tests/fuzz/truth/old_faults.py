"""Faults that the project once had, to put them back and see that the cases find them."""

import html
from collections.abc import Callable
from typing import Any

import pytest

Patch = Callable[[pytest.MonkeyPatch], None]


def _set(target: str, value: Any) -> Patch:
    return lambda patch: patch.setattr(target, value)


def _last_dot(patch: pytest.MonkeyPatch) -> None:
    from pipeline.readers import tar_members

    right = tar_members.member_of

    def member_of(name: str, wanted: set[str] | None) -> Any:
        member = right(name, wanted)
        stem, _, ending = name.removeprefix("./").partition(".")
        member.stem, member.ending, member.is_wanted = stem, ending.lower().rpartition(".")[2], True
        return member

    patch.setattr(tar_members, "member_of", member_of)


def _as_it_is(self: Any, id_: str, *values: Any) -> Any:
    return self.pair_as_it_is(id_, *values)


def _replaced(content: bytes, encoding: str | None = None) -> str:
    return content.decode("utf-8", "replace")


def _nan_as_text(value: Any) -> str | None:
    return str(value) if isinstance(value, float) else value if isinstance(value, str) else str(value or "")


def _whole_lines(patch: pytest.MonkeyPatch) -> None:
    class Lines:
        split = staticmethod(str.splitlines)

    patch.setattr("pipeline.readers.folder._LINE_END", Lines)


def _on_black(image: Any) -> Any:
    return image.convert("RGB")


def _form(*_: Any) -> Any:
    from pipeline.chat.form import ChatForm

    return ChatForm()


def _answer_only(text: str, caption: str) -> str:
    return text


def _decoded_once(self: Any, caption: str | None, *, has_html: bool = False) -> str:
    """Without counting, and entities once."""
    return " ".join(html.unescape(caption or "").split())


_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
OLD_FAULTS: dict[str, tuple[str, Patch]] = {
    "special tokens of captions become special": ("prompts", _set("pipeline.chat.markup.Markup.find", lambda *_: [])),
    "the system role is lost": ("prompts", _set("pipeline.chat.prompts.find_form", _form)),
    "half a surrogate pair ends the run": ("prompts", _set("pipeline.chat.prompts._fault", lambda *_: None)),
    "ids of bytes become U+FFFD": ("readers", _set("pipeline.readers.values.as_text_or_hex", _replaced)),
    "text files in UTF-16 are taken for UTF-8": ("readers", _set("pipeline.readers.folder.decoded", _replaced)),
    "images that end in .avif and .jfif are passed over": (
        "readers",
        _set("pipeline.readers.names.IMAGE_ENDINGS", _ENDINGS),
    ),
    "tar members are grouped by their first dot alone": ("readers", _last_dot),
    "tar members that are apart are not noticed": (
        "readers",
        _set("pipeline.readers.webdataset._Apart.check", lambda *_: None),
    ),
    "a missing value becomes the text nan": ("readers", _set("pipeline.readers.records.text_of", _nan_as_text)),
    "ids are not made distinct": ("readers", _set("pipeline.readers.records.PairMaker.pair", _as_it_is)),
    "paths in another form are not found": (
        "readers",
        _set("pipeline.readers.image_paths.ImagePaths._found", lambda self, path: path),
    ),
    "an ellipsis of cp1252 in latin-1 divides a caption": ("readers", _whole_lines),
    "captions are cleaned but once": ("readers", _set("pipeline.readers.notes.ReaderNotes.clean", _decoded_once)),
    "the mark of UTF-8 is kept": ("readers", _set("pipeline.readers.lines.TextSource.skip_mark", lambda self: None)),
    "thinking is not removed": ("answers", _set("pipeline.judge.markup._without_thinking", lambda text: (text, False))),
    "the prompt before an answer is kept": ("answers", _set("pipeline.judge.rules.answer_in", _answer_only)),
    "JSON is kept": ("answers", _set("pipeline.judge.cleaning.sentences_of_json", lambda text: None)),
    "EXIF is not applied": ("images", _set("entityclip.contract.image_rules.upright", lambda image: image)),
    "transparent parts are black": ("images", _set("entityclip.contract.image_rules.on_white", _on_black)),
    "16 bits are clipped at 255": (
        "images",
        _set("entityclip.contract.image_rules._grey", lambda image: image.convert("L")),
    ),
    "check does not decode": ("images", _set("pipeline.images.check.load", lambda *_: None)),
}
