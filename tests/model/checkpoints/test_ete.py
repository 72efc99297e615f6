import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from model.checkpoints.checkpoint import load_entityclip, load_trained_towers
from model.checkpoints.ete import import_checkpoint, shapes_at_authors, state_from_authors
from model.clip.open_clip_import import open_clip
from model.errors import ModelError
from model.evaluation.evaluate import evaluate, read_metrics
from model.method.entityclip import EntityCLIP
from model.run_files import read_checkpoint_card
from model.settings.schema import MethodSettings
from tests.model.parity import FOLDER, OUTPUTS, build, load
from tests.model.shard_writer import picture

FILES = sorted(FOLDER.glob("*.safetensors"))
DATA = Path(__file__).parents[2] / "data" / "reference"
SHIPPED = "ete_202_d64_s303.safetensors"


def trained(reference) -> dict[str, torch.Tensor]:
    """What a training with the authors' code leaves."""
    return {n.removeprefix("param/"): t for n, t in reference.tensors.items() if n.startswith("param/")}


@pytest.fixture
def small() -> dict[str, torch.Tensor]:
    return trained(load(DATA / SHIPPED))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["fp32", "fp16"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@torch.no_grad()
def test_the_recorded_inference_features_come_back(path, dtype, tmp_path):
    """From fp16, those of the rounded parameters, which fp64 computes."""
    reference = load(path)
    rounded = {name: tensor.to(dtype) for name, tensor in trained(reference).items()}
    torch.save(rounded, tmp_path / "authors.pt")
    header = reference.header
    heads = {"vision_heads": header["vision_heads"], "text_heads": header["config"]["transformer_heads"]}
    imported = import_checkpoint(tmp_path / "authors.pt", tmp_path / "run", **heads, eot_id=header["eot"])
    towers = load_trained_towers(tmp_path / "run").clip.eval()
    images, texts = reference.batch.images, reference.batch.captions
    found = towers.encode_image(images, normalize=True), towers.encode_text(texts, normalize=True)
    recorded = [reference.tensors[f"out/inference_{part}"] for part in ("image", "text")]
    if dtype == torch.float16:
        as_held = {f"param/{name}": tensor.float() for name, tensor in rounded.items()}
        exact = build(replace(reference, tensors=reference.tensors | as_held), "b", torch.float64).clip
        recorded = [exact.encode_image(images.double(), normalize=True), exact.encode_text(texts, normalize=True)]
    for ours, theirs in zip(found, recorded, strict=True):
        torch.testing.assert_close(ours.double(), theirs.double(), rtol=0, atol=OUTPUTS)

    model, _ = load_entityclip(tmp_path / "run")
    for name, tensor in state_from_authors({n: t.float() for n, t in rounded.items()}).items():
        assert torch.equal(model.state_dict()[name], tensor), name
    method, said = model.method, "\n".join(imported.lines())
    counts = (method.image_experts, method.shared_experts, method.text_experts)
    assert counts == (header["n_vis"], header["n_share"], header["n_txt"]) and method.reads_padding
    assert "/".join(map(str, counts)) in said and str(dtype).removeprefix("torch.") in said
    assert "QuickGELU" in said and "the vocabulary is not OpenAI's" in said


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_wrappers_are_taken_off(small, key, tmp_path):
    content = {"epoch": 3, key: {"module." + name: tensor for name, tensor in small.items()}}
    content[key] |= {"input_resolution": torch.tensor(32)}
    torch.save(content, tmp_path / "authors.pt")
    imported = import_checkpoint(tmp_path / "authors.pt", tmp_path / "run")
    assert imported.ignored == ("input_resolution",) and "ignored entries" in "".join(imported.lines())
    assert imported.sizes.vision_heads == 1  # 64 / 64
    assert read_checkpoint_card(tmp_path / "run")["origin"]["file"] == "authors.pt"


def without(part: str):
    return lambda state: {name: tensor for name, tensor in state.items() if part not in name}


def having(name: str, value: torch.Tensor):
    return lambda state: {**state, name: value}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (without("vision_expert_0.mlp.c_fc.bias"), r"missing: vision_expert_0\.mlp\.c_fc\.bias$"),
        (having("visual.extra", torch.zeros(2)), r"unknown: visual\.extra$"),
        (having("text_expert_x.ln_1.bias", torch.zeros(2)), r"unknown: text_expert_x\.ln_1\.bias$"),
        (having("text_expert_7.ln_1.bias", torch.zeros(64)), r"missing: text_expert_2\.ln_1\.weight.* and \d+ more"),
        (having("itm_head.bias", torch.zeros(3)), r"itm_head\.bias \(3,\) instead of \(2,\)"),
        (having("itm_head.bias", torch.tensor([0, float("nan")])), r"'itm_head\.bias' contains NaN"),
        (having("itm_head.bias", torch.zeros(2).long()), r"'itm_head\.bias' is of type .*int64; expected a floating"),
        (without("visual.conv1.weight"), r"'visual\.conv1\.weight' is missing"),
        (having("positional_embedding", torch.zeros(4)), r"'positional_embedding' has shape \(4,\)"),
        (having("visual.layer1.0.conv1.weight", torch.zeros(1)), "ResNet"),
        (having("visual.positional_embedding", torch.zeros(12, 64)), "12 positions; expected a square number"),
        (without("expert"), "gates but lacks experts for them; experts found: image 0"),
        (lambda state: [1, 2], "contains a list"),
    ],
)
def test_what_does_not_fit_is_named(small, change, named, tmp_path):
    torch.save(change(small), tmp_path / "authors.pt")
    with pytest.raises(ModelError, match=named):
        import_checkpoint(tmp_path / "authors.pt", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_files_that_are_no_checkpoint(small, tmp_path):
    file = tmp_path / "authors.pt"
    with pytest.raises(ModelError, match="no checkpoint at"):
        import_checkpoint(file, tmp_path / "run")
    torch.save({"model": torch.nn.Linear(2, 2)}, file)  # loading this would run code
    with pytest.raises(ModelError, match="not a file of plain tensors"):
        import_checkpoint(file, tmp_path / "run")
    file.write_bytes(b"not a zip")
    with pytest.raises(ModelError, match="not a file of plain tensors"):
        import_checkpoint(file, tmp_path / "run")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("hello", "world")
    with pytest.raises(ModelError, match="not a file of plain tensors"):
        import_checkpoint(file, tmp_path / "run")
    torch.save(small, file)
    with pytest.raises(ModelError, match=r"5 heads do not divide .* width 64; set --text-heads"):
        import_checkpoint(file, tmp_path / "run", text_heads=5)
    with pytest.raises(ModelError, match="id 100 is outside the vocabulary of 100"):
        import_checkpoint(file, tmp_path / "run", eot_id=100)
    import_checkpoint(file, tmp_path / "run")
    with pytest.raises(ModelError, match="already contains a checkpoint"):
        import_checkpoint(file, tmp_path / "run")


def test_an_imported_run_is_evaluated_and_can_be_moved(dataset, tmp_path):
    """With OpenAI's vocabulary, so that the tokenizer assumed is the right one."""
    torch.manual_seed(0)
    vision = {"image_size": 32, "patch_size": 16, "width": 128, "layers": 1}
    clip = open_clip.CLIP(32, vision, {"width": 64, "heads": 1, "layers": 1}, quick_gelu=True)
    model = EntityCLIP(clip, MethodSettings(image_experts=1, shared_experts=0, text_experts=1))
    values = [one for n, t in model.state_dict().items() for one in (t if n.startswith("experts.") else [t])]
    torch.save(dict(zip(shapes_at_authors(model.state_dict()), values, strict=True)), tmp_path / "authors.pt")
    imported = import_checkpoint(tmp_path / "authors.pt", tmp_path / "first")
    assert "tokenizer: OpenAI's" in "".join(imported.lines())
    run = (tmp_path / "first").rename(tmp_path / "second")
    (tmp_path / "authors.pt").unlink()

    with pytest.raises(ModelError, match="pass --explanations"):
        evaluate(run)
    metrics = evaluate(run, ["test"], explanations=dataset[0])["test"]
    assert metrics["queries"] == 15 and read_metrics(run)["step"] == 0
    loaded, _, transform = open_clip.create_model_and_transforms(f"local-dir:{run / 'clip'}")
    assert all(torch.equal(tensor, clip.state_dict()[name]) for name, tensor in loaded.state_dict().items())
    assert json.loads((run / "clip" / "open_clip_config.json").read_text())["model_cfg"]["quick_gelu"] is True
    number = int(json.loads((run / "test_ids.json").read_text())[0].removeprefix("test-"))
    with torch.no_grad():
        image = F.normalize(clip.eval().encode_image(transform(picture(number))[None]), dim=-1)
        text = F.normalize(clip.encode_text(open_clip.get_tokenizer("ViT-B-32")([f"lord of name{number}"])), dim=-1)
    found = load_file(run / "test_embeddings.safetensors")
    torch.testing.assert_close(found["image"][:1], image, rtol=0, atol=1e-6)
    torch.testing.assert_close(found["text"][:1], text, rtol=0, atol=1e-6)
