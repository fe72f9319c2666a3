from io import StringIO
from pathlib import Path

from server.log_output import LogOutput


def test_lines_are_written_one_by_one() -> None:
    stream = StringIO()

    LogOutput(stream).info("one")
    LogOutput(stream).error("two")

    assert stream.getvalue() == "one\ntwo\n"


def test_disk_that_is_full_loses_the_line_and_nothing_else() -> None:
    stream = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 (closing it fails as well)

    LogOutput(stream).warning("one")

    try:
        stream.close()
    except OSError:
        assert stream.closed


def test_stream_that_is_closed_loses_the_line_and_nothing_else(tmp_path: Path) -> None:
    stream = (tmp_path / "log").open("w", encoding="utf-8")
    stream.close()

    LogOutput(stream).critical("one")
