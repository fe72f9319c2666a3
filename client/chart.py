"""A portfolio's value as a chart for the terminal."""

from collections.abc import Sequence

from aitrader.v1.portfolio_pb2 import TimeseriesPoint

#: rows; fits a small terminal together with the table below it
HEIGHT = 16
Y_TICKS = 5
X_TICKS = 4


def value_chart(points: Sequence[TimeseriesPoint], *, title: str, width: int) -> str:
    """Draw the close values over the trading days."""
    import plotext

    values = [point.portfolio_value for point in points]
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless").plot_size(width, HEIGHT).title(title)
    figure.draw(figure.signal(list(range(len(values))), values, marker="braille").lines())
    columns = _spread(0, len(points) - 1, X_TICKS)
    figure.ruler("x").ticks(columns, [points[round(column)].date for column in columns])
    rows = _spread(min(values), max(values), Y_TICKS)
    figure.ruler("y").ticks(rows, [f"{row:,.0f}" for row in rows])
    drawn: str = plotext.uncolorize(str(figure.build()))
    return drawn.rstrip()


def _spread(low: float, high: float, count: int) -> list[float]:
    if low == high:
        return [low]
    return [low + (high - low) * step / (count - 1) for step in range(count)]
