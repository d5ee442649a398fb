"""What a forecaster says of one history: the next steps with their times, and bands if it has any."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from PIL import Image
from torch import Tensor

from gradus.jobs.forecasting.history import History

DRAWN = 4  # series in a picture


@dataclass(frozen=True, slots=True)
class Forecast:
    """The next steps of each column of a series."""

    history: History
    targets: tuple[str, ...]
    values: Float64[np.ndarray, "H C"]
    quantiles: Float64[np.ndarray, "H C Q"]
    levels: tuple[float, ...]

    @classmethod
    def of(
        cls, output: dict[str, Tensor], *, history: History, targets: Sequence[str], levels: tuple[float, ...]
    ) -> "Forecast":
        """The answer that the module's output for one input gives."""
        values = output["forecast"][0].double().numpy()
        quantiles = output["quantiles"][0].double().numpy() if levels else np.zeros((*values.shape, 0))
        return cls(history, tuple(targets), values, quantiles, levels)

    def to_dict(self) -> dict[str, Any]:
        """A row a step: its time, and the forecast of each column, with its quantiles by their levels.

        Above the rows stands the name of the series, where a table holds many.
        """
        rows = []
        for step, time in enumerate(self.history.times_ahead):
            row: dict[str, Any] = {"time": time}
            for column, name in enumerate(self.targets):
                row[name] = float(self.values[step, column])
                for place, level in enumerate(self.levels):
                    row[f"{name} {level:g}"] = float(self.quantiles[step, column, place])
            rows.append(row)
        named = {"series": self.history.series} if self.history.series else {}
        return {**named, "forecast": rows}

    def draw(self) -> Image.Image:
        """The end of the history and the forecast behind it, with the band between the outer quantiles."""
        from matplotlib.figure import Figure

        shown = min(DRAWN, len(self.targets))
        figure = Figure(figsize=(8, 0.6 + 2.2 * shown), layout="constrained", dpi=100)
        horizon = len(self.values)
        past = self.history.past[-max(48, 2 * horizon) :]
        before, ahead = np.arange(1 - len(past), 1), np.arange(horizon + 1)
        for column, name in enumerate(self.targets[:shown]):
            axes = figure.add_subplot(shown, 1, column + 1)
            axes.plot(before, past[:, column], color="black", lw=1, label="history")
            now = past[-1, column]  # where the forecast comes from
            values = np.append(now, self.values[:, column])
            axes.plot(ahead, values, color="#d1495b", lw=1.5, label="forecast")
            if len(self.levels) > 1:
                low, high = (np.append(now, self.quantiles[:, column, place]) for place in (0, -1))
                band = f"{self.levels[0]:g} to {self.levels[-1]:g}"
                axes.fill_between(ahead, low, high, color="#d1495b", alpha=0.2, lw=0, label=band)
            axes.axvline(0, color="grey", lw=0.8, ls=":")
            title = f"{self.history.series}, {name}" if self.history.series else name
            axes.set_title(title, fontsize=9, loc="left")
            axes.set_xticks([before[0], ahead[-1]], self._marks(len(past)), fontsize=8)
            if column == 0:
                axes.legend(fontsize=8, loc="upper left", ncols=3, frameon=False)
        content = io.BytesIO()
        figure.savefig(content, format="png")
        return Image.open(content).convert("RGB")

    def _marks(self, past: int) -> list[str]:
        """The times at the beginning of the picture and at its end."""
        return [self.history.times[-past], self.history.times_ahead[-1]]
