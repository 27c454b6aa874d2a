"""Declarations and their JSON."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.spec import codec
from bakeoff.spec.errors import SpecError
from bakeoff.spec.image import Augment, Preprocess
from bakeoff.spec.network import (
    Backbone,
    BatchNorm,
    Classes,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Head,
    MaxPool,
    Network,
    Residual,
    Row,
)
from bakeoff.spec.recipe import Recipe
from bakeoff.spec.training import SGD, AdamW, Cosine, Linear, Muon, OneCycle, Stage, Steps

shares = st.floats(0.01, 0.99)
widths = st.integers(1, 512)

plain_rows: st.SearchStrategy[Row] = st.one_of(
    st.builds(Conv, width=widths, kernel=st.integers(1, 7), bias=st.booleans()),
    st.builds(BatchNorm, momentum=shares),
    st.builds(MaxPool, size=st.integers(2, 4)),
    st.builds(Dense, width=widths, activation=st.sampled_from(["none", "relu", "gelu"])),
    st.builds(Dropout, rate=shares),
    st.builds(Flatten),
)
rows: st.SearchStrategy[Row] = st.one_of(
    plain_rows,
    st.builds(Residual, body=st.lists(plain_rows, min_size=1, max_size=3).map(tuple)),
)
tables = st.lists(rows, max_size=6).map(lambda body: (*body, Classes()))
networks = st.one_of(
    st.builds(Network, rows=tables),
    st.builds(
        Network,
        backbone=st.builds(
            Backbone, name=st.sampled_from(["resnet50", "vgg16"]), pool=st.just(False)
        ),
        head=st.builds(Head, rows=tables),
    ),
)
stages = st.builds(
    Stage,
    epochs=st.floats(0.1, 300),
    batch=st.integers(1, 4096),
    optimiser=st.one_of(
        st.builds(SGD, rate=shares), st.builds(AdamW, rate=shares), st.builds(Muon, rate=shares)
    ),
    schedule=st.one_of(
        st.builds(Cosine, warmup=shares),
        st.builds(Linear),
        st.builds(OneCycle, start=shares),
        st.builds(Steps, at=st.just((0.25, 0.5))),
    ),
    augment=st.none()
    | st.builds(Augment, rotation=shares, flip=st.sampled_from(["none", "random"])),
    clip=st.none() | shares,
)
preprocesses = st.builds(
    Preprocess,
    size=st.none() | st.integers(32, 512),
    fit=st.sampled_from(["crop", "pad", "stretch"]),
)
recipes = st.builds(
    Recipe,
    name=st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4})?", fullmatch=True),
    network=networks,
    stages=st.lists(stages, min_size=1, max_size=3).map(tuple),
    preprocess=preprocesses,
    note=st.text(max_size=20),
)

SMALL = Recipe(
    name="small",
    network=Network(rows=(Conv(width=8, activation="relu"), Flatten(), Classes())),
    stages=(Stage(epochs=1),),
)


@given(recipes)
def test_a_recipe_comes_back_from_json_exactly(recipe: Recipe) -> None:
    """Reading what was written gives an equal recipe with an equal digest."""
    again = codec.loads(Recipe, codec.dumps(recipe))
    assert again == recipe
    assert codec.digest(again) == codec.digest(recipe)


@given(recipes, recipes)
def test_different_recipes_have_different_digests(one: Recipe, other: Recipe) -> None:
    """Digests are equal exactly when recipes are."""
    assert (codec.digest(one) == codec.digest(other)) == (one == other)


def test_the_digest_is_the_same_in_another_process() -> None:
    """A digest depends on what is said, not on the process that says it."""
    code = (
        "from bakeoff.spec import codec; from bakeoff.spec.image import Preprocess;"
        "print(codec.digest(Preprocess(size=32)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == codec.digest(Preprocess(size=32))


def test_whole_numbers_and_fractions_have_one_digest() -> None:
    """An epoch count of 3 and of 3.0 are one recipe."""
    assert codec.digest(Stage(epochs=3)) == codec.digest(Stage(epochs=3.0))


def test_defaults_are_written_out() -> None:
    """A file says everything, so that a default changed later does not change its meaning."""
    written = json.loads(codec.dumps(Preprocess()))
    assert written["fit"] == "crop"
    assert written["schema"] == codec.SCHEMA


def test_declarations_cannot_be_changed() -> None:
    """Setting a field of a declaration fails."""
    with pytest.raises(FrozenInstanceError):
        SMALL.name = "other"  # type: ignore[misc]


def test_replace_checks_again() -> None:
    """A variant made with replace() obeys the same rules."""
    assert replace(SMALL, name="other").name == "other"
    with pytest.raises(SpecError, match="lower-case"):
        replace(SMALL, name="Bad Name")


def test_declarations_survive_a_trip_to_another_process() -> None:
    """Declarations can be sent to workers."""
    assert pickle.loads(pickle.dumps(SMALL)) == SMALL


def test_two_declarations_cannot_share_a_name() -> None:
    """A name in a file means one thing."""
    with pytest.raises(TypeError, match="two declarations are named Conv"):
        codec.declaration(type("Conv", (), {"__annotations__": {}}))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Conv(widht=3),  # type: ignore[call-arg]
            "Conv.widht is not a field. Did you mean 'width'? (Known: activation, bias,",
        ),
        (
            lambda: Conv(3),  # type: ignore[call-arg]
            "Conv takes its fields by name, but is 3. Write Conv(width=…).",
        ),
        (lambda: Conv(), "Conv.width is required and is missing."),  # type: ignore[call-arg]
        (
            lambda: Conv(width="8"),  # type: ignore[arg-type]
            "Conv.width must be a whole number, but is '8'.",
        ),
        (
            lambda: Conv(width=True),
            "Conv.width must be a whole number, but is True.",
        ),
        (
            lambda: Preprocess(fit="crap"),  # type: ignore[arg-type]
            "Preprocess.fit must be 'crop' or 'pad' or 'stretch', but is 'crap'. "
            "Did you mean 'crop'? (Known: crop, pad, stretch.)",
        ),
        (
            lambda: Preprocess(mean=(0.5, 0.5)),  # type: ignore[arg-type]
            "Preprocess.mean must be a tuple of 3 values (a number, a number, a number) or None, "
            "but is (0.5, 0.5).",
        ),
        (
            lambda: Stage(epochs=float("nan")),
            "Stage.epochs must be a finite number, but is nan.",
        ),
        (
            lambda: Stage(epochs="ten"),  # type: ignore[arg-type]
            "Stage.epochs must be a number, but is 'ten'.",
        ),
        (
            lambda: Residual(body=(Conv(width=1), "relu")),  # type: ignore[arg-type]
            "Residual.body[1] must be Conv or ",
        ),
    ],
)
def test_a_wrong_declaration_is_told_what_is_right(make: Any, message: str) -> None:
    """Each mistake names the field, the rule, the value and the nearest right one."""
    with pytest.raises(SpecError) as caught:
        make()
    assert str(caught.value).startswith(message)


def broken(**changes: Any) -> str:
    """The small recipe's document with some places changed, named like a__0__b."""
    document = json.loads(codec.dumps(SMALL))
    for key, value in changes.items():
        *path, last = key.split("__")
        place = document
        for step in path:
            place = place[int(step) if step.isdigit() else step]
        place[int(last) if last.isdigit() else last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Recipe must be valid JSON (Expecting property name enclosed in double quotes"),
        ("[]", "Recipe must be a JSON object, but is 'list'."),
        ("{}", "Recipe.schema must be 1, the version this Bakeoff reads, but is 'missing'."),
        (broken(schema=99), "Recipe.schema must be 1, the version this Bakeoff reads, but is 99."),
        (
            broken(network__rows__0__kind="Cnov"),
            "recipe.network.rows[0] has an unknown kind, but is 'Cnov'. Did you mean 'Conv'?",
        ),
        (
            broken(network__rows__0={"width": 3}),
            "recipe.network.rows[0] must say its kind.",
        ),
        (
            broken(network__rows__0__kernle=3),
            "recipe.network.rows[0].kernle is not a field. Did you mean 'kernel'?",
        ),
        (broken(stages=3), "recipe.stages must be a tuple of Stage, but is 3."),
        (broken(name=None), "recipe.name must be text."),
    ],
)
def test_a_wrong_file_is_told_where_it_is_wrong(text: str, message: str) -> None:
    """Each mistake in a file names its place in the file."""
    with pytest.raises(SpecError) as caught:
        codec.loads(Recipe, text)
    assert str(caught.value).startswith(message)


def test_declaring_needs_no_torch() -> None:
    """Importing every declaration imports neither torch nor NumPy."""
    code = "import sys, bakeoff.spec.recipe, bakeoff.spec.split; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "PIL"} & set(told.stdout.split())
