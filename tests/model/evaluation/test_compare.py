import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from model.errors import ModelError
from model.evaluation.clusters import Groups
from model.evaluation.compare import Comparison, RunEmbeddings, compare, load_embeddings
from model.evaluation.metrics import mean_recall, summarise
from model.evaluation.retrieval import Ranks, ranks


def _embeddings(count: int, noise: float, seed: int) -> RunEmbeddings:
    """Captions are noisy copies of their images: the more noise, the worse the retrieval."""
    truth = torch.randn(count, 16, generator=torch.Generator().manual_seed(0))
    wobble = torch.randn(count, 16, generator=torch.Generator().manual_seed(seed))
    image, text = F.normalize(truth, dim=-1), F.normalize(truth + noise * wobble, dim=-1)
    return RunEmbeddings(image, text, [str(i) for i in range(count)])


def _alone(count: int) -> Groups:
    return Groups(image=torch.arange(count), caption=torch.arange(count))


def _run(count: int, noise: float, seed: int) -> Ranks:
    run = _embeddings(count, noise, seed)
    return ranks(run.image, run.text, _alone(count))


def _mean_recall(found: Ranks) -> float:
    return mean_recall(summarise(found.image_to_text), summarise(found.text_to_image))


def test_the_difference_is_that_of_the_mean_recalls_and_the_interval_holds_it() -> None:
    groups = _alone(300)
    good, bad = _run(300, 1.0, 1), _run(300, 2.0, 2)
    found = compare(good, bad, groups)
    assert found.difference == pytest.approx(_mean_recall(good) - _mean_recall(bad))
    assert found.low < found.difference < found.high
    assert found.is_clear and found.low > 0
    back = compare(bad, good, groups)
    assert back.difference == pytest.approx(-found.difference)
    assert compare(good, bad, groups) == found  # the resampling is seeded


def test_the_interval_covers_as_often_as_it_says() -> None:
    """Two equally good arms: the interval must leave zero out in about 5 % of the cases, not in half of them."""
    groups = _alone(120)
    clear = sum(compare(_run(120, 1.5, 2 * i + 1), _run(120, 1.5, 2 * i + 2), groups).is_clear for i in range(40))
    assert clear <= 7  # P(Binomial(40, 0.05) > 7) is below 1e-3


def test_equal_runs_show_no_difference() -> None:
    run = _run(50, 1.0, 1)
    assert compare(run, run, _alone(50)) == Comparison(0.0, 0.0, 0.0)
    assert not compare(run, run, _alone(50)).is_clear


def test_embeddings_are_loaded_or_the_command_that_makes_them_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"create them with: entityclip evaluate .* --split test"):
        load_embeddings(tmp_path, "test")
    run = _embeddings(5, 1.0, 1)
    save_file({"image": run.image, "text": run.text}, tmp_path / "test_embeddings.safetensors")
    (tmp_path / "test_ids.json").write_text(json.dumps(run.ids))
    loaded = load_embeddings(tmp_path, "test")
    assert torch.equal(loaded.image, run.image) and loaded.ids == run.ids
