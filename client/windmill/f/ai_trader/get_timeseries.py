"""Tell what a portfolio was worth, date by date."""

from f.ai_trader.service import Json, ai_trader, pages


def main(service: ai_trader, model: str, experiment: str = "", start_date: str = "", end_date: str = "") -> list[Json]:
    """Return the values of a model by date, ascending."""
    asked = {"model": model, "experiment": experiment, "start_date": start_date, "end_date": end_date}
    return list(pages(service, "/portfolio/timeseries", "timeseries", asked))
