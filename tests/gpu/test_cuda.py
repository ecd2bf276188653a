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


@pytest.mark.parametrize("direction", ["i2t", "both"])
def test_parts_are_compared_on_cuda_as_on_the_cpu(direction: str) -> None:
    from passerby.similarity.local_attention import local_similarity
    from passerby.types import Embeddings

    torch.manual_seed(0)
    mask = torch.arange(9) < torch.tensor([[9], [4], [1]])
    texts = Embeddings(torch.randn(3, 16), torch.randn(3, 9, 16), torch.randn(3, 9, 16), mask)
    photos = Embeddings(torch.randn(5, 16), torch.randn(5, 6, 16), torch.randn(5, 6, 16))
    on_cpu = local_similarity(texts, photos, direction=direction)
    on_cuda = local_similarity(texts.to("cuda"), photos.to("cuda"), direction=direction)
    torch.testing.assert_close(on_cuda.cpu(), on_cpu, atol=1e-4, rtol=0)


@pytest.mark.parametrize("method", ["twotower", "nafs", "acsa", "ivt", "ivt_pretrain", "cmr"])
def test_a_run_in_bf16_with_a_running_mean_stops_and_resumes_on_cuda(tmp_path, method) -> None:
    from passerby.build import load_method
    from passerby.config import parse_recipe
    from passerby.runs import train

    class Enough(Exception):  # noqa: N818
        pass

    def stop(event: dict) -> None:
        if event.get("at") == 3:
            raise Enough

    recipe = parse_recipe(
        {
            "run": {"name": "cuda", "out": str(tmp_path)},
            "draw": {"persons": 20, "photos": 2, "val_persons": 4},
            "data": {"train": f"drawn:{tmp_path / 'people'}", "batch": 8, "workers": 0},
            "method": {"name": method},
            "image_encoder": {"kind": "resnet", "hidden_sizes": [8, 16, 16], "depths": [1, 1, 1],
                              "embedding_size": 8, "layer_type": "basic"},
            "text_encoder": {"kind": "bert", "hidden_size": 16, "num_hidden_layers": 1,
                             "num_attention_heads": 2, "intermediate_size": 32},
            "train": {"epochs": 2, "precision": "bf16", "average": 0.9, "device": "cuda",
                      "save_every": 2},
        }
    )  # fmt: skip
    with pytest.raises(Enough):
        train(recipe, watch=stop)
    folder = train(recipe, resume=True)
    assert all(torch.isfinite(t).all() for t in load_method(folder / "best").state_dict().values())
