"""The three news datasets in the exact layouts of their publishers and of the paper's authors, small, with pictures."""

import json
from pathlib import Path
from typing import Any

from PIL import Image

NAMES = ("Angela Merkel", "Serena Williams", "Barack Obama", "Emma Watson", "Kofi Annan", "Diego Maradona")
PLACES = ("in Berlin", "at Wimbledon", "in Chicago", "in London", "in Accra", "in Naples")


def caption_of(number: int) -> str:
    """A clean caption, different for each number."""
    return f"{NAMES[number % 6]} {PLACES[number // 6 % 6]} on day {number}."


def write_n24news(root: Path, per_split: int = 4) -> None:
    """`news/nytimes_{train,dev,test}.json` and `imgs/`; the first caption of each split carries two HTML entities."""
    for place, split in enumerate(("train", "dev", "test")):
        records = []
        for number in range(place * per_split, (place + 1) * per_split):
            image_id = f"1000000{number:05d}"
            _picture(root / "imgs" / f"{image_id}.jpg", number)
            dirt = " AT&amp;T &#8217;s" if number % per_split == 0 else ""
            records.append(
                {
                    "news_id": f"0f{number}",
                    "headline": f"Headline {number}",
                    "abstract": "An abstract.",
                    "body": "A body.",
                    "section": ("Sports", "World")[number % 2],
                    "article_url": f"https://www.nytimes.com/{number}.html",
                    "image_url": f"https://static01.nyt.com/{number}.jpg",
                    "image_id": image_id,
                    "caption": caption_of(number) + dirt,
                }
            )
        _save(root / "news" / f"nytimes_{split}.json", records)


def visualnews_record(number: int) -> dict[str, Any]:
    """One record; three share an article, and the caption of every fifth ends in a line break."""
    source = ("guardian", "bbc", "usa_today", "washington_post")[number // 3 % 4]
    return {
        "id": number,
        "caption": caption_of(number) + ("\n" if number % 5 == 0 else ""),
        "topic": ("law_crime", "sports_leisure")[number % 2],
        "source": source,
        "image_path": f"./{source}/images/{number // 1000:04d}/{number % 1000:03d}.jpg",
        "article_path": f"./{source}/articles/{number // 3}.txt",
    }


def write_visualnews(root: Path, count: int = 12, *, split: bool = False) -> None:
    """`data.json`, or with `split` the authors' `{train,val,test}.json` of a third each."""
    records = [visualnews_record(number) for number in range(count)]
    for record in records:
        _picture(root / record["image_path"], int(record["id"]))
    if split:
        for place, name in enumerate(("train", "val", "test")):
            _save(root / f"{name}.json", records[place * count // 3 : (place + 1) * count // 3])
    else:
        _save(root / "data.json", records)


def write_goodnews(root: Path, articles: int = 6) -> None:
    """`captioning_dataset.json` and `img_splits.json`: two images an article, the first caption with carriage returns.

    The last article's second image has no split.
    """
    content, splits = {}, {}
    for number in range(articles):
        article_id = f"4fd2{number:020x}"
        content[article_id] = {
            "headline": {"main": f"Headline {number}"},
            "abstract": "An abstract.",
            "article_url": f"https://www.nytimes.com/{number}.html",
            "article": "Text of the article. " * 5,
            "images": {"0": caption_of(2 * number) + "\r\n", "1": caption_of(2 * number + 1)},
        }
        for image in "01":
            _picture(root / "images" / f"{article_id}_{image}.jpg", 2 * number + int(image))
            splits[f"{article_id}_{image}"] = ("train", "val", "test")[number % 3]
    splits.popitem()
    _save(root / "captioning_dataset.json", content)
    _save(root / "img_splits.json", splits)


def write_goodnews_authors(root: Path) -> None:
    """The authors' form, derived from the release that lies in `root`, with one broken image in the train split."""
    content = json.loads((root / "captioning_dataset.json").read_text(encoding="utf-8"))
    of_split: dict[str, list[dict[str, str]]] = {"train": [], "val": [], "test": []}
    for id_, split in json.loads((root / "img_splits.json").read_text(encoding="utf-8")).items():
        article_id, _, number = id_.rpartition("_")
        caption, title = content[article_id]["images"][number], content[article_id]["headline"]["main"]
        of_split[split].append({"image_id": f"{id_}.jpg", "captioning": caption, "title": title})
    for split, records in of_split.items():
        _save(root / f"new_goodnews_capim_{split}.json", records)
    broken = of_split["train"][-1]["image_id"]
    (root / "images" / broken).write_bytes(b"not a picture")
    (root / "broken_images.txt").write_text(f"{broken}\n", encoding="utf-8")


def write_explanations(root: Path, kind: str, images: dict[str, list[str]]) -> list[Path]:
    """The authors' released explanations, named and keyed as theirs, for images (paths below the root) by split."""
    names = {
        "n24news": "news/CapDsc_mistral_{}.json",
        "visualnews": "CapDsc_mistral_{}.json",
        "goodnews": "train_cap_individual/New_Corr_CapDsc_mistral_{}.json",
    }
    folder = "/home/somebody/data/VisualNews/origin/" if kind == "visualnews" else ""
    files = []
    for split, of_split in images.items():
        path = root / names[kind].format("dev" if kind == "n24news" and split == "val" else split)
        _save(path, {f"{folder}{image}": explanation_of(image) for image in of_split})
        files.append(path)
    return files


def explanation_of(image: str) -> str:
    """The text that goes with an image."""
    return f"A person of public life is shown outdoors, in front of building number {image[-7:-4]}."


def _picture(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    """Four squares that say the number, so that no two pictures are the same file."""
    picture = Image.new("RGB", (16, 16))
    for place in range(4):
        digit = number >> 3 * place & 7
        picture.paste((32 * digit, 255 - 32 * digit, 99), (place % 2 * 8, place // 2 * 8, place % 2 * 8 + 8, 16))
    picture.save(path)


def _save(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
