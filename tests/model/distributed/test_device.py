import pytest
import torch

from model.distributed.device import choose_device, device_of_process, torch_threads
from model.errors import ModelError


def test_a_gpu_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").type == choose_device("cpu").type == "cpu"
    with pytest.raises(ModelError, match="torch finds no GPU"):
        choose_device("cuda")


def test_the_callers_threads_come_back():
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError), torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise RuntimeError
    assert torch.get_num_threads() == before


def test_each_process_has_a_gpu_of_its_own_or_all_have_the_cpu(monkeypatch):
    assert device_of_process("cpu", 1, 2) == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_of_process("auto", 1, 2) == torch.device("cuda", 1)
    with pytest.raises(ModelError, match=r"3 processes need one GPU each, but torch finds 2 .*; start fewer"):
        device_of_process("auto", 2, 3)
