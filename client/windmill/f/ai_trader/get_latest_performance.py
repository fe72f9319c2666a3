"""Tell who leads an experiment."""

from f.ai_trader.service import Json, ServiceError, ai_trader, ask


def main(service: ai_trader, experiment: str = "", sort: str = "value", curve_points: int = 0) -> Json:
    """Return the leaderboard, best first; empty before the first trading day."""
    asked = {"experiment": experiment, "sort": sort, "curve_points": curve_points}
    try:
        answer = ask(service, "GET", "/leaderboard", params=asked)
    except ServiceError as error:
        if error.word != "no_data":
            raise
        return {"experiment": experiment, "leaderboard": []}
    return {"experiment": answer["experiment"], "leaderboard": answer["leaderboard"]}
