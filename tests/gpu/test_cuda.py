"""What only a CUDA device can show: training in bf16 and equal scores with the CPU."""

import pytest
import torch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def test_a_method_scores_on_cuda_as_on_the_cpu(tmp_path) -> None:
    import passerby
    from passerby.embedding import embed_images, embed_texts

    method = passerby.load()
    spec = method.photo_spec
    photos = torch.randn(8, 3, spec.height, spec.width)
    words = ["a man in a red shirt", "a woman with a long black coat"]
    on_cpu = method.similarity(embed_texts(method, words), embed_images(method, photos))
    method.to("cuda")
    on_cuda = method.similarity(embed_texts(method, words), embed_images(method, photos))
    torch.testing.assert_close(on_cuda, on_cpu, atol=1e-3, rtol=0)
