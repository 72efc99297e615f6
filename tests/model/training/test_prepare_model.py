"""Switches of how a model computes: what they may change, and what not."""

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from model.clip.towers import load_towers
from model.data.dataset import TripleDataset
from model.data.loader import load_batches
from model.data.shards import read_split
from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.precision import forward_context
from model.settings.schema import LockSettings, MethodSettings, TowerSettings
from model.training.loop import train
from model.training.prepare_model import checkpoint_blocks, compile_blocks, lock_towers, prepare
from model.training.step import TrainingStep
from tests.model.clip.test_towers import build, images_for, resnet
from tests.model.training.test_resume import changed

CPU = torch.device("cpu")


@pytest.fixture
def batch(towers, dataset):
    rows = read_split(dataset[0], "train", statuses=("ok",))
    return next(load_batches(TripleDataset(rows, towers, explanations=True), [list(range(12))]))[0]


@pytest.fixture
def make(clip_folder):
    """Equal models, as often as wanted."""

    def one() -> EntityCLIP:
        torch.manual_seed(3)
        clip = load_towers(TowerSettings(model=f"local-dir:{clip_folder}")).clip
        return EntityCLIP(clip, MethodSettings(image_experts=2, shared_experts=1, text_experts=1))

    return one


def gradients(model: EntityCLIP, batch, precision: str = "fp32") -> tuple[dict, dict]:
    values = TrainingStep(model, 0, forward_context(precision, CPU)).gradients(1, batch)
    return values.losses, {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_a_locked_tower_has_no_gradient_and_keeps_its_weights(make, batch):
    for lock, trained in (
        ({"image": True}, {"text", "rest"}),
        ({"text": True}, {"image", "rest"}),
        ({"image": True, "text": True}, {"rest"}),
        ({"image": True, "image_unlocked_groups": 1}, {"image", "text", "rest"}),
    ):
        model = make()
        lock_towers(model.clip, LockSettings(**lock))
        _, found = gradients(model, batch)

        def part(name: str) -> str:
            if name.startswith("clip.visual"):
                return "image"
            return "rest" if not name.startswith("clip.") or "logit_scale" in name else "text"

        assert {part(name) for name in found} == trained, lock
        if "image_unlocked_groups" in lock:
            assert [name for name in found if part(name) == "image"] == ["clip.visual.proj"]


def test_text_layers_are_unlocked_from_the_end(make):
    model = make()
    lock_towers(model.clip, LockSettings(text=True, text_unlocked_layers=2))
    text = [name for name, p in model.clip.named_parameters() if p.requires_grad and not name.startswith("visual")]
    ours = {name.split(".resblocks.1")[0] for name in text}
    assert ours == {"logit_scale", "text_projection", "ln_final.weight", "ln_final.bias", "transformer"}


def test_what_cannot_be_locked_is_said(make):
    with pytest.raises(ModelError, match=r"lock\.image_unlocked_groups=99 would leave no part of the tower locked"):
        lock_towers(make().clip, LockSettings(image=True, image_unlocked_groups=99))
    with pytest.raises(ModelError, match=r"lock\.text_unlocked_layers=99 would leave no part"):
        lock_towers(make().clip, LockSettings(text=True, text_unlocked_layers=99))
    with pytest.raises(ModelError, match="a ResNet can only be locked as a whole"):
        lock_towers(resnet(), LockSettings(image=True, image_unlocked_groups=1))
    with pytest.raises(ModelError, match="open_clip does not support grad_checkpointing for a ResNet"):
        checkpoint_blocks(resnet())


def test_a_locked_resnet_keeps_its_statistics_and_its_names():
    clip = resnet()
    before = {name: tensor.clone() for name, tensor in clip.state_dict().items()}
    lock_towers(clip, LockSettings(image=True))
    clip.train()
    clip.encode_image(images_for(clip))
    after = clip.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in after)
    resnet().load_state_dict(after)  # strict, as a checkpoint is loaded


def saved_bytes(model: EntityCLIP, batch) -> int:
    sizes: list[int] = []
    with saved_tensors_hooks(lambda x: sizes.append(x.nbytes) or x, lambda x: x):
        model(batch, generator=torch.Generator().manual_seed(0))
    return sum(sizes)


def test_checkpointing_keeps_less_and_changes_no_gradient(make, batch):
    plain, lean = make(), make()
    checkpoint_blocks(lean.clip)
    assert saved_bytes(lean, batch) < 0.6 * saved_bytes(plain, batch)
    (losses, expected), (ours, found) = gradients(plain, batch), gradients(lean, batch)
    assert ours == losses and found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("custom", ["CLIP", "CustomTextCLIP"])
def test_both_towers_are_checkpointed(custom):
    clip = build(custom)
    checkpoint_blocks(clip)
    text = clip.text if custom == "CustomTextCLIP" else clip
    assert clip.visual.transformer.grad_checkpointing and text.transformer.grad_checkpointing


@pytest.mark.slow
def test_compiled_blocks_give_the_same_gradients(make, batch):
    plain, compiled = make(), make()
    names = list(compiled.state_dict())
    compile_blocks(compiled, "aot_eager")
    assert list(compiled.state_dict()) == names
    (losses, expected), (ours, found) = gradients(plain, batch), gradients(compiled, batch)
    assert ours == pytest.approx(losses, rel=1e-5) and found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-6)


def test_bf16_has_fp32_masters_and_stays_close(make, batch):
    model = make()
    (losses, expected), (ours, found) = gradients(make(), batch), gradients(model, batch, "bf16")
    assert {p.dtype for p in model.parameters()} == {g.dtype for g in found.values()} == {torch.float32}
    assert ours != losses and ours == pytest.approx(losses, rel=0.02)
    flat = [torch.cat([g[name].flatten() for name in expected]) for g in (expected, found)]
    assert torch.nn.functional.cosine_similarity(*flat, dim=0) > 0.995


def test_a_run_with_every_switch(settings, tmp_path):
    """Locked, checkpointed, in bf16, clipped, with a group, over epochs."""
    settings = changed(
        settings,
        optim={"steps": None, "epochs": 1.2, "clip_norm": 0.1, "groups": [{"pattern": "ln_", "lr": 1e-4}]},
        lock={"image": True, "image_unlocked_groups": 2},
        precision="bf16",
        grad_checkpointing=True,
    )
    seen = []
    result = train(settings, tmp_path / "run", on_step=lambda step, steps, _: seen.append((step, steps)))
    assert result.steps == 6 and seen == [(step, 6) for step in range(1, 7)]  # 40 rows are 5 batches of 8


def test_prepare_does_what_the_settings_say(make, settings):
    model = make()
    prepare(model, settings)
    assert all(p.requires_grad for p in model.parameters())
    assert not model.clip.visual.transformer.grad_checkpointing
