"""Explanations that mean harm, and folders of them: every text, name and id attacks; pictures are missing or broken."""

from collections.abc import Sequence
from pathlib import Path

from tests.model.shard_writer import picture, row, write_receipts, write_shard

_DO = "window.pwned=1"
ATTACKS = (
    f"<script>{_DO};alert(1)</script>",
    f'"><img src=x onerror={_DO}>',
    f"' onmouseover='{_DO}' x='",
    f"<svg onload={_DO}><animate onbegin={_DO} attributeName=x>",
    f"</script><script>{_DO}</script>",
    f"</style></title></textarea><body onload={_DO}>",
    f"<iframe srcdoc='<script>parent.{_DO}</script>'></iframe>",
    f"<details open ontoggle={_DO}>",
    "<base href=http://evil.example/><link rel=stylesheet href=http://evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
    f"<form action=javascript:{_DO}><button formaction=javascript:{_DO} autofocus>",
    f"<a href=javascript:{_DO}>go</a> &lt;script&gt;{_DO}&lt;/script&gt;",
    f"<noscript><p title='</noscript><img src=x onerror={_DO}>'>",
    f"<math><mtext><table><mglyph><style><!--</style><img src=x onerror={_DO}>",
    f"<!-- --><![CDATA[ ]]> {{{{ 7 * 7 }}}} {{% raw %}} ${{{_DO}}}",
    f"\uff1cscript\uff1e{_DO}\u2028\u2029 \x00\x01\x1b[31m \ud7ff\uffff",
    "\u202egnp.exe\u202c \u2066\u2067\u200f\u061c hidden",
    "\u0627\u0644\u0645\u0644\u0643 \u05d4\u05de\u05dc\u05da abc 123 \u0645\u062f\u064a\u0646\u0629",
    "W" * 3000,
    "e\u0301" * 400 + " \U0001f469\u200d\U0001f469\u200d\U0001f467 $\\frac{1}{0}$",
)
STATUSES = (
    *("ok", "truncated", "copied", "off_language", "entity_missing", "over_context", "refused", "empty"),
    *("empty_caption", "too_long", "bad_image", "error", f"<img src=x onerror={_DO}>"),
)


def write_hostile(root: Path, splits: Sequence[str] = ("test", f"<img src=x onerror={_DO}>")) -> Path:
    """Explanations of every status, each attack in each place; the folder."""
    images = root / "images"
    images.mkdir(parents=True)
    picture(1, 64).save(images / "good.png")
    (images / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n<script>alert(1)</script>")
    paths = ("good.png", "broken.png", "missing.png", "../secret.png", f"<script>{_DO}</script>", "nul\x00.png", None)
    for split in splits:
        rows = [
            row(
                number,
                split,
                id=f"{number}{attack[:200]}",
                caption=attack,
                explanation=ATTACKS[-1 - number % 20] if STATUSES[number % 13] in STATUSES[:6] else None,
                raw_text=attack,
                topic=attack if number % 2 else None,
                error=attack,
                finish_reason=attack[:40],
                status=STATUSES[number % 13],
                clip_tokens=None if number % 7 == 0 else 7 + number,
                image={"bytes": None, "path": paths[number % len(paths)]},
            )
            for number, attack in enumerate(ATTACKS * 2)
        ]
        made = {"engine": ATTACKS[0], "engine_version": ATTACKS[16], "requests": 40, "completion_tokens": 200}
        times = {"began_at": "2026-01-01T10:00:00+00:00", "finished_at": "2026-01-01T10:00:05+00:00"}
        about = {"model": ATTACKS[1], "revision": "\u2067r", "dataset": ATTACKS[6], "prompt": {"name": ATTACKS[3]}}
        context = {"judge": {"clip_context_length": 30}}
        write_shard(root / "explanations", split, rows, images, generations=[{**made, **times}], **about, **context)
    return root / "explanations"


def write_small(root: Path, count: int = 60, broken: str | None = None) -> Path:
    """Quiet explanations of three splits with a few failures; one shard may be damaged, and nothing be finished."""
    images, folder = root / "images", root / "explanations"
    images.mkdir(parents=True)
    picture(1, 64).save(images / "good.png")
    for split, share in (("train", count), ("val", count // 4), ("test", count // 4)):
        rows = [
            row(
                number,
                split,
                image={"bytes": None, "path": "good.png"},
                topic=None,
                **({"status": "truncated"} if number % 10 == 9 else {}),
            )
            for number in range(share)
        ]
        path = write_shard(folder, split, rows, images)
        if split == broken:
            path.write_bytes(path.read_bytes()[:-20])
    if broken is None:
        write_receipts(folder)
    return folder
