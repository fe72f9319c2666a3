"""A job's progress while it runs: a moving picture in a terminal, a line every tenth of the way elsewhere."""

from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from .tally import ModelTally, Tally
from .text import duration, money, plain
from .words import status_word

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

#: columns
BAR_WIDTH = 40
MODEL_BAR_WIDTH = 20
#: lines in all when the output is no terminal
STEPS = 10


class ProgressView(Protocol):
    """Shows a tally between enter and exit."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def refresh(self) -> None:
        """Take note that the tally changed."""

    def note(self, text: str) -> None:
        """Print a line that stays."""


def open_view(console: "Console", tally: Tally) -> ProgressView:
    """Choose the view that suits the output."""
    return LiveView(console, tally) if console.is_terminal else LineView(console, tally)


class LineView:
    """Prints a line at the start, at each change of status and whenever another tenth is done."""

    def __init__(self, console: "Console", tally: Tally) -> None:
        self._console = console
        self._tally = tally
        self._shown: object = None

    def __enter__(self) -> Self:
        self.refresh()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        pass

    def refresh(self) -> None:
        """Print a line when there is a change worth one."""
        now = (self._tally.status, self._tally.done * STEPS // max(1, self._tally.total))
        if now != self._shown:
            self._shown = now
            self._console.print(summary(self._tally))

    def note(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, markup=False, highlight=False)


class LiveView:
    """Redraws a progress bar and a row per model, some times a second, in a thread of rich's."""

    def __init__(self, console: "Console", tally: Tally) -> None:
        from rich.live import Live

        self._tally = tally
        self._live = Live(console=console, get_renderable=lambda: picture(tally), refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._live.stop()

    def refresh(self) -> None:
        """Do nothing: the thread looks often enough."""

    def note(self, text: str) -> None:
        """Print a line above the picture."""
        self._live.console.print(text, markup=False, highlight=False)


def summary(tally: Tally) -> str:
    """Tell in one line how far a job is, its pace and the time left."""
    parts = [f"{status_word(tally.status)}: {tally.done} of {tally.total} model-days"]
    if tally.failed:
        parts.append(f"{tally.failed} failed")
    rate, remaining = tally.rate(), tally.remaining_seconds()
    if rate is not None:
        parts.append(f"{rate:,.1f} model-days/s")
    if remaining:
        parts.append(f"{duration(remaining)} left")
    return ", ".join(parts)


def picture(tally: Tally) -> "RenderableType":
    """Draw the bar, the line and the models."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    head = Table.grid(padding=(0, 2))
    head.add_row(ProgressBar(total=max(1, tally.total), completed=tally.done, width=BAR_WIDTH), summary(tally))
    return Group(head, _models(tally))


def _models(tally: Tally) -> "Table":
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for name, model in list(tally.models.items()):
        bar = ProgressBar(total=max(1, model.total), completed=model.done, width=MODEL_BAR_WIDTH)
        table.add_row(plain(name), bar, f"{model.done}/{model.total}", _now(model))
    return table


def _now(model: ModelTally) -> str:
    parts = [
        f"{model.failed} failed" if model.failed else "",
        "" if model.value is None else money(model.value),
        model.date,
    ]
    return "  ".join(part for part in parts if part)
