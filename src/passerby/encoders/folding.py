"""Convolutions of a residual network that take in their batch norm, where its statistics rest."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import conv2d


class Folding(nn.Module):
    """A convolution, its norm and activation under their own names; in eval mode one convolution.

    What the norm does there is a factor and a sum a channel, and the convolution's weights take
    both in. They do so with each batch, for a hundredth of its time: no copy outlives its weights.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.convolution, self.normalization = layer.convolution, layer.normalization
        self.activation = getattr(layer, "activation", nn.Identity())

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H', W')"""
        convolution, norm = self.convolution, self.normalization
        if norm.training:
            return self.activation(norm(convolution(images)))
        own = 0.0 if convolution.bias is None else convolution.bias
        factor = norm.weight * (norm.running_var + norm.eps).rsqrt()
        found = conv2d(
            images,
            convolution.weight * factor[:, None, None, None],
            norm.bias + (own - norm.running_mean) * factor,
            convolution.stride,
            convolution.padding,
            convolution.dilation,
            convolution.groups,
        )
        return self.activation(found)


def folding(model: Any) -> Any:
    """A ResNetModel of transformers whose convolutions fold from now on; weights keep their names.

    A ReLU overwrites what it alone reads: new memory costs a large map more than the ReLU does.
    """
    for name, module in list(model.named_modules()):
        if hasattr(module, "convolution") and hasattr(module, "normalization"):
            owner, _, own = name.rpartition(".")
            setattr(model.get_submodule(owner), own, Folding(module))
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = True
    return model
