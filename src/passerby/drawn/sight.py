"""What can be told of one drawn photo: the facts that figures hand to wording."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sight:
    """How the person is seen.

    view: "front", "back", "left", "right" (the person faces that side of the photo), or a quarter
    between, "front-left", "front-right", "back-left", "back-right". action: "standing", "walking",
    "riding a bicycle", ... visible: attribute name (as `wardrobe.garments` names them, and "hair",
    "face", "glasses", "beard") -> share of it that shows, 0 to 1; a name that is missing is unseen.
    """

    view: str
    action: str
    visible: dict[str, float] = field(default_factory=dict)
