"""A bake-off that is over: its verdict, its numbers, its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.champion.manifest import FILE
from bakeoff.champion.place import FOLDER, place_for
from bakeoff.data.dataset import Dataset
from bakeoff.evaluation.metrics import classification_report, measure
from bakeoff.evaluation.predictions import Predictions
from bakeoff.report.again import dataset_of
from bakeoff.report.figures import (
    classes,
    confusion,
    curves,
    dots,
    mistakes,
    pairs,
    pareto,
    reliability,
    samples,
)
from bakeoff.report.figures.colours import ThemeName
from bakeoff.report.findings import Findings
from bakeoff.report.markdown import scoreboard_table
from bakeoff.report.recorded import history
from bakeoff.spec.errors import DataError, SpecError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Result"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Result(Findings):
    """What a bake-off found. In a notebook it shows itself.

    Each figure takes `ax`, to be drawn there, and `theme`, "light" or "dark"; without either it is
    a light figure of its own, which a notebook shows and `axes.figure.savefig` saves. Figures of
    one contender take its name, and without are of the one that was chosen.
    """

    def __str__(self) -> str:
        warnings = [f"! {text}" for text in self.warnings]
        return "\n".join([*warnings, self.verdict, "", *scoreboard_table(self.facts, plain=True)])

    def _repr_html_(self) -> str:
        warnings = "".join(f"<p>⚠ {escape(text)}</p>" for text in self.warnings)
        found = self.board
        columns = [(at, one) for at, one in enumerate(found.columns) if not one.extra]
        titles = ["contender", "accuracy", *(one.title for _, one in columns)]
        head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
        rows = "".join(
            f'<tr><th scope="row">{escape(row.name)}</th>'
            f"<td>{escape(row.accuracy.text)} <small>{escape(row.interval)}</small></td>"
            + "".join(f"<td>{escape(row.cells[at].text)}</td>" for at, _ in columns)
            + "</tr>"
            for row in found.rows
        )
        return (
            f"{warnings}<p><strong>{escape(self.verdict)}</strong></p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )

    @property
    def champion(self) -> Path | None:
        """The folder with the champion of this bake-off, if one was made: for `bakeoff.open`."""
        folder = self.path / FOLDER
        return folder if (folder / FILE).exists() else None

    def crown(
        self,
        recipe: str | None = None,
        *,
        seed: int | None = None,
        out: str | Path | None = None,
        half: bool = False,
        dataset: Dataset | None = None,
    ) -> Path:
        """Make a champion of the winner, or of another contender; where it is. Without `dataset`
        the pictures are loaded again."""
        # It stands on torch, which numbers are read without.
        from bakeoff.champion.crowning.crown import crown

        folder = place_for(self.path, self.winner, recipe) if out is None else Path(out)
        pictures = dataset or dataset_of(self)
        return crown(self.path, pictures, folder, recipe=recipe, seed=seed, half=half)

    def classification_report(self, name: str | None = None, *, seed: int | None = None) -> str:
        """Precision, recall, F1 and support of each class, of one run: the table that
        scikit-learn's function of that name gives."""
        table = self.predictions(self._one(name)["name"], seed)
        metrics = measure(table.probabilities, table.labels, table.classes)
        return classification_report(metrics, digits=4)

    def plot_accuracy(self, *, ax: Axes | None = None, theme: ThemeName | None = None) -> Axes:
        """Every contender's accuracy with its interval, and its seeds."""
        verdict = self.facts["verdict"]
        return dots.draw(
            self._some(),
            part=self.facts["part"],
            winner=verdict["winner"],
            near=(*verdict["tied"], *verdict.get("untold", ())),
            ax=ax,
            theme=theme,
        )

    def plot_pairs(self, *, ax: Axes | None = None, theme: ThemeName | None = None) -> Axes:
        """Every contender against every other."""
        names = [row["name"] for row in self._some()]
        return pairs.draw(names, self.facts["pairs"], ax=ax, theme=theme)

    def plot_curves(
        self,
        name: str | None = None,
        *,
        of: curves.Value = "accuracy",
        ax: Axes | None = None,
        theme: ThemeName | None = None,
    ) -> Axes:
        """Accuracy or loss during training, of all contenders or of one."""
        rows = self._some() if name is None else [self._one(name)]
        found = {
            row["name"]: [
                one for run in row["runs"] if (one := history(self.path / run["path"])).looks
            ]
            for row in rows
        }
        found = {key: seeds for key, seeds in found.items() if seeds}
        if not found:
            who = "a contender" if name else "those of a bake-off with contenders"
            raise SpecError("name", f"must be {who} that learnt epoch by epoch", name)
        return curves.draw(found, of=of, ax=ax, theme=theme)

    def plot_classes(
        self, name: str | None = None, *, ax: Axes | None = None, theme: ThemeName | None = None
    ) -> Axes:
        """Precision, recall and F1 of each class."""
        one = self._one(name)
        return classes.draw(one["name"], one["classes"], ax=ax, theme=theme)

    def plot_confusion(
        self, name: str | None = None, *, ax: Axes | None = None, theme: ThemeName | None = None
    ) -> Axes:
        """What is taken for what, counted over all seeds."""
        one = self._one(name)
        labels = self.facts["data"]["classes"]
        return confusion.draw(one["name"], labels, one["confusion"], ax=ax, theme=theme)

    def plot_reliability(
        self, name: str | None = None, *, ax: Axes | None = None, theme: ThemeName | None = None
    ) -> Axes:
        """Accuracy over confidence."""
        one = self._one(name)
        return reliability.draw(one["name"], one["reliability"], ax=ax, theme=theme)

    def plot_pareto(
        self,
        cost: str = "latency",
        *,
        ax: Axes | None = None,
        theme: ThemeName | None = None,
    ) -> Axes:
        """Accuracy against what it costs."""
        winner = self.facts["verdict"]["winner"]
        return pareto.draw(self._some(), cost=cost, winner=winner, ax=ax, theme=theme)

    def plot_mistakes(
        self,
        name: str | None = None,
        dataset: Dataset | None = None,
        *,
        seed: int | None = None,
        count: int = 12,
        ax: Axes | None = None,
        theme: ThemeName | None = None,
    ) -> Axes:
        """The mistakes that a contender was surest of; without `dataset` it is loaded again."""
        name, pictures = self._one(name)["name"], dataset or dataset_of(self)
        table = self._table(name, seed, pictures)
        return mistakes.draw(name, table, pictures, count=count, ax=ax, theme=theme)

    def plot_samples(
        self,
        name: str | None = None,
        dataset: Dataset | None = None,
        *,
        seed: int | None = None,
        count: int = 12,
        ax: Axes | None = None,
        theme: ThemeName | None = None,
    ) -> Axes:
        """What a contender says of a few pictures drawn by lot; without `dataset` it is loaded."""
        name, pictures = self._one(name)["name"], dataset or dataset_of(self)
        table = self._table(name, seed, pictures)
        return samples.draw(name, table, pictures, count=count, ax=ax, theme=theme)

    def _some(self) -> Sequence[Mapping[str, Any]]:
        rows = self.measured()
        if not rows:
            raise DataError(str(self.path), "has no contender that finished: nothing can be drawn")
        return rows

    def _one(self, name: str | None) -> Mapping[str, Any]:
        """A contender with numbers: by default the chosen one, else the most accurate."""
        name = name or self.winner or self._some()[0]["name"]
        self.finished_runs(name)
        return self.contender(name)

    def _table(self, name: str, seed: int | None, dataset: Dataset) -> Predictions:
        wanted = self.facts["data"]["digest"]
        if dataset.digest != wanted:
            raise DataError(
                dataset.name,
                f"is not the data of this bake-off: its digest must be {wanted[:12]}",
                dataset.digest[:12],
                "Load the same source with the same split.",
            )
        return self.predictions(name, seed)
