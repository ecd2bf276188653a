"""The methods whose released checkpoints are imported: what the tests of all importers need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import acsa_checkpoint
import ivt_checkpoint
import nafs_checkpoint
import torch
from released_files import Shapes, weightless
from torch import Tensor

from passerby.method import Method
from passerby.methods import acsa as acsa_method
from passerby.methods import ivt as ivt_method
from passerby.methods import nafs as nafs_method
from passerby.released import acsa, ivt, nafs
from passerby.released.container import Container
from passerby.released.folder import Converted


@dataclass(frozen=True)
class Kind:
    """name, title: for the command, and on the card.

    shapes, full: of the full checkpoint, and it without weights. small: makes a small one, whose
    embeddings have `width` numbers and whose vocabulary has 60 entries. parts: the shapes of our
    tensors that come of one of theirs. skipped, follow: names of what has no place in our model,
    since it is dead or since it follows from the sizes. sized, matrix: a tensor that sizes are read
    off, and one of 2 axes whose shape the others ask for. pieces: what a text is cut into, by the
    name in Texts, and into how many; None where it is read whole. told: settings that the full one
    tells beside the preset's; without persons among them, files are plain state dicts that hold
    no class matrix and no epoch.
    """

    name: str
    title: str
    method: type[Method]
    settings: type[Any]
    convert: Callable[[Container, str], Converted]
    released_name: Callable[[str], str]
    shapes: Shapes
    full: Callable[[], dict[str, Tensor]]
    small: Callable[[], dict[str, Tensor]]
    width: int
    parts: Callable[[str, list[int]], list[list[int]]]
    skipped: list[str]
    follow: frozenset[str]
    sized: str
    matrix: str
    pieces: tuple[str, int] | None
    told: dict[str, int]

    def converted(self) -> Converted:
        """The full checkpoint, as a model without weights."""
        persons = self.told.get("persons")
        more = (torch.empty(768, persons, device="meta"), 57) if persons else ()
        return self.convert(Container(self.full(), *more), "file")

    @property
    def plain(self) -> bool:
        return "persons" not in self.told

    @property
    def epoch(self) -> str:
        """What is said of the epoch of a file as training stored it."""
        return "unknown" if self.plain else "57"


NAFS = Kind(
    name="nafs",
    title="NAFS (Gao et al. 2021)",
    method=nafs_method.Nafs,
    settings=nafs_method.Config,
    convert=nafs.convert,
    released_name=lambda name: nafs.released_name(name, 3),
    shapes=nafs_checkpoint.SHAPES,
    full=lambda: weightless(nafs_checkpoint.SHAPES),
    small=nafs_checkpoint.small_checkpoint,
    width=16,
    parts=nafs_checkpoint.parts,
    skipped=nafs_checkpoint.SKIPPED,
    follow=frozenset(),
    sized="image_model.conv1.weight",
    matrix="fc_p3_list.1.weight",
    pieces=("part_ids", 2),
    told={"persons": 11003},
)
ACSA = Kind(
    name="acsa",
    title="ACSA (Ji et al. 2022)",
    method=acsa_method.Acsa,
    settings=acsa_method.Config,
    convert=acsa.convert,
    released_name=acsa.released_name,
    shapes=acsa_checkpoint.SHAPES,
    full=acsa_checkpoint.full_checkpoint,
    small=acsa_checkpoint.small_checkpoint,
    width=48,
    parts=acsa_checkpoint.parts,
    skipped=acsa_checkpoint.SKIPPED,
    follow=frozenset(filter(acsa_checkpoint.computed, acsa_checkpoint.SHAPES)),
    sized="image_model.patch_embed.proj.weight",
    matrix="fc_feet.fc_feet.weight",
    pieces=("phrase_ids", 10),
    told={"persons": 11003},
)
IVT = Kind(
    name="ivt",
    title="IVT (Shu et al. 2022)",
    method=ivt_method.Ivt,
    settings=ivt_method.Config,
    convert=ivt.convert,
    released_name=ivt.released_name,
    shapes=ivt_checkpoint.SHAPES,
    full=ivt_checkpoint.full_checkpoint,
    small=ivt_checkpoint.small_checkpoint,
    width=128,
    parts=ivt_checkpoint.parts,
    skipped=ivt_checkpoint.SKIPPED,
    follow=frozenset(),
    sized="encoder_vl.pos_embed",
    matrix="encoder_vl.blocks.1.mlp_txt.fc2.weight",
    pieces=None,
    told={"stride": 12},
)
KINDS = (NAFS, ACSA, IVT)  # as the command names them
