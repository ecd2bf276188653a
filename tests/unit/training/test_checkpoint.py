"""The optimizer's state goes through a checkpoint bit by bit."""

import errno

import pytest
import torch
from safetensors import SafetensorError
from torch import nn

from passerby.training.checkpoint import Position, read_state, write_folder, write_state
from passerby.training.optim import Optim, optimizer


class Tower(nn.Module):
    """A convolution with its weights channels last, and a layer that is not used at first."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.first, self.late = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)
        self.to(memory_format=torch.channels_last)

    def parameter_groups(self):
        return {"all": list(self.parameters())}

    def forward(self, images, late):
        found = self.first(images).mean((2, 3))
        return self.late(found) if late else found


def steps(model, made, numbers):
    for number in numbers:
        images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(number))
        made.zero_grad(set_to_none=True)
        model(images, late=number > 2).square().sum().backward()
        made.step()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_goes_on_after_a_checkpoint_as_if_there_had_been_none(tmp_path, momentum) -> None:
    settings = Optim(kind="sgd", lr=0.05, decay=1e-4, decay_all=True, momentum=momentum)
    whole = Tower()
    steps(whole, optimizer(whole, settings), range(6))
    for cut in (0, 1, 2, 5):  # before the first step; before and after the late layer's first
        model = Tower()
        made = optimizer(model, settings)
        steps(model, made, range(cut))
        write_state(tmp_path, Position(step=cut), made, {})
        again = Tower()
        again.load_state_dict(model.state_dict())
        made = optimizer(again, settings)
        assert read_state(tmp_path, made)[0].step == cut
        steps(again, made, range(cut, 6))
        for name, weight in whole.named_parameters():
            assert torch.equal(weight, again.get_parameter(name)), (cut, name)


def test_a_momentum_matters_to_what_follows_a_checkpoint(tmp_path) -> None:
    settings = Optim(kind="sgd", lr=0.05, decay=0.0)
    whole = Tower()
    steps(whole, optimizer(whole, settings), range(4))
    forgetful = Tower()
    steps(forgetful, optimizer(forgetful, settings), range(2))
    steps(forgetful, optimizer(forgetful, settings), range(2, 4))
    assert not torch.allclose(whole.first.weight, forgetful.first.weight, atol=1e-4)


def test_a_full_disk_is_told_as_one_and_nothing_half_written_stays(tmp_path) -> None:
    folder = tmp_path / "last"
    write_folder(folder, lambda part: (part / "a").write_text("old"))

    def fill(part):
        (part / "a").write_text("new")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    with pytest.raises(OSError, match="No space left on device") as told:
        write_folder(folder, fill)
    assert (told.value.errno, told.value.filename) == (errno.ENOSPC, str(folder))
    assert [path.name for path in tmp_path.iterdir()] == ["last"]
    assert (folder / "a").read_text() == "old"
