"""Everything that defines one contender, as one value."""

from __future__ import annotations

import re

from bakeoff.spec.codec import declaration
from bakeoff.spec.errors import SpecError
from bakeoff.spec.estimator import Estimator
from bakeoff.spec.image import Augment, Preprocess
from bakeoff.spec.network import Backbone, Flatten, GlobalPool, Head, Network
from bakeoff.spec.training import Stage

__all__ = ["Recipe"]


@declaration
class Recipe:
    """Preprocessing, augmentation, network and stages. A value: no code runs when it is made."""

    name: str
    """Short name, in lower-case letters, digits and dashes."""

    network: Network | Estimator
    """What is trained, or fitted."""

    stages: tuple[Stage, ...] = ()
    """How it is trained, one leg after another; an estimator has none."""

    preprocess: Preprocess = Preprocess()
    """How a picture becomes input; ships with the model."""

    augment: Augment = Augment()
    """Random changes while training, for stages that have none of their own."""

    note: str = ""
    """One sentence for the table of recipes."""

    def check(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+([-.][a-z0-9]+)*", self.name):
            rule = "must be lower-case letters and digits, joined by dashes or dots"
            suggestion = re.sub(r"[^a-z0-9.]+", "-", self.name.lower()).strip("-.")
            raise SpecError("Recipe.name", rule, self.name, f"Try {suggestion or 'my-recipe'!r}.")
        if isinstance(self.network, Estimator):
            self._check_estimator()
            return
        if not self.stages:
            raise SpecError("Recipe.stages", "must have at least one stage")
        if self.network.backbone is None:
            self._check_freezing()
        else:
            self._check_head(self.network.backbone, self.network.head)
        self._check_sizes()

    def _check_estimator(self) -> None:
        if self.stages:
            rule = "must be empty for an estimator: it is fitted, not trained"
            raise SpecError("Recipe.stages", rule, f"{len(self.stages)} stages")
        if self.augment != Augment():
            raise SpecError("Recipe.augment", "must be Augment(), no change, for an estimator")

    def _check_freezing(self) -> None:
        for place, stage in enumerate(self.stages):
            if stage.train != "all":
                raise SpecError(
                    f"Recipe.stages[{place}].train",
                    "must be 'all' for a network without a backbone",
                    stage.train,
                    "Freezing needs Network(backbone=…).",
                )
            if stage.layer_decay != 1:
                raise SpecError(
                    f"Recipe.stages[{place}].layer_decay",
                    "must be 1 for a network without a backbone",
                    stage.layer_decay,
                )

    def _check_sizes(self) -> None:
        size = self.preprocess.size
        for place, stage in enumerate(self.stages):
            if stage.size is not None and stage.train == "head":
                raise SpecError(
                    f"Recipe.stages[{place}].size",
                    "must be None where only the head is trained: its features are computed once, "
                    "at full size",
                    stage.size,
                )
        crops = [("Recipe.augment", self.augment)]
        crops += [
            (f"Recipe.stages[{i}].augment", stage.augment)
            for i, stage in enumerate(self.stages)
            if stage.augment is not None
        ]
        for field, augment in crops:
            for name in ("crop", "cutout"):
                value = getattr(augment, name)
                if size is not None and value >= size:
                    rule = f"must be smaller than the pictures ({size} pixels)"
                    suggestion = f"Enlarge them (--size {4 * value}), or change the recipe."
                    raise SpecError(f"{field}.{name}", rule, value, suggestion)

    def _check_head(self, backbone: Backbone, head: Head | None) -> None:
        if head is None or not backbone.pool:
            return
        for row in head.rows:
            if isinstance(row, Flatten | GlobalPool):
                raise SpecError(
                    "Recipe.network.head",
                    f"cannot hold {type(row).__name__}() on a pooled backbone: "
                    "its features are one vector already",
                    suggestion="Set Backbone(pool=False) to give the head the feature map.",
                )
