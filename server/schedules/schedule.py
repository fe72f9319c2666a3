"""Schedules, and the file that they stand in: JSON in the configs folder, checked as a whole when the server starts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from server.folder import FolderError, locate
from server.jobs.config import CalendarName, Symbol, experiment_name, load_config
from server.jobs.errors import InvalidRequestError
from server.jobs.json_text import read_json
from server.market.calendar import DEFAULT_CALENDAR
from server.schedules.timing import Timing, check_cron, parse_zone
from server.settings import Settings, SettingsError

#: schedules in a file
MAX_SCHEDULES = 100


class ScheduleError(SettingsError):
    """The file of schedules cannot be used; every wrong place is named."""


def _zone(name: str) -> str:
    parse_zone(name)
    return name


class _Schedule(BaseModel):
    """What all schedules have.

    A time that was missed is caught up once, if `catch_up` says so and it is not longer ago than `catch_up_hours`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(experiment_name)]
    cron: Annotated[str, AfterValidator(check_cron)]
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    enabled: bool = True
    catch_up: bool = True
    catch_up_hours: Annotated[float, Field(gt=0, le=8784)] = 72

    @property
    def timing(self) -> Timing:
        """When it is due."""
        return Timing(self.cron, parse_zone(self.zone))


class JobSchedule(_Schedule):
    """Triggers a config: a path in the configs folder, and the experiment where it is not the config's own."""

    kind: Literal["job"]
    config: str
    experiment: Annotated[str, AfterValidator(experiment_name)] | None = None


class BackupSchedule(_Schedule):
    """Copies the database to a folder, by default `backups` beside it, and keeps the newest copies that it made."""

    kind: Literal["backup"]
    folder: Path | None = None
    keep: Annotated[int, Field(ge=1, le=10_000)] = 7


class VacuumSchedule(_Schedule):
    """Gives the space of deleted rows back to the disk, when no job runs."""

    kind: Literal["vacuum"]


class PricesSchedule(_Schedule):
    """Downloads the bars that are missing up to yesterday from the vendor of the settings, by default of any symbol."""

    kind: Literal["prices"]
    symbols: Annotated[list[Symbol], Field(min_length=1, max_length=10_000)] | None = None
    calendar: CalendarName = DEFAULT_CALENDAR


class CleanupSchedule(_Schedule):
    """Removes the jobs that ended longer ago than an age such as `90d`, `12w` or `36h`; portfolios go on."""

    kind: Literal["cleanup"]
    older_than: Annotated[str, Field(pattern=r"^[1-9]\d{0,3}[hdw]$")]


UpkeepSchedule: TypeAlias = BackupSchedule | VacuumSchedule | PricesSchedule | CleanupSchedule
Schedule: TypeAlias = JobSchedule | UpkeepSchedule


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schedules: Annotated[list[Annotated[Schedule, Field(discriminator="kind")]], Field(max_length=MAX_SCHEDULES)]


def load_schedules(settings: Settings) -> tuple[Schedule, ...]:
    """Return the schedules of the file that the settings name; none when they name none.

    Raises:
        ScheduleError: the file cannot be read, or holds something wrong.
    """
    if settings.schedules is None:
        return ()
    try:
        path = locate(settings.configs, settings.schedules, "configs folder")
        found = _File.model_validate(read_json(path.read_bytes())).schedules
        wrong = [*_duplicates(found), *_unknown_configs(found, settings.configs)]
    except ValidationError as error:
        wrong = [_told(detail) for detail in error.errors(include_url=False, include_input=False)[:50]]
    except FolderError as error:
        raise ScheduleError(f"schedules '{settings.schedules}' {error}") from None
    except (OSError, ValueError) as error:
        raise ScheduleError(f"schedules '{settings.schedules}' could not be read as JSON: {error}") from None
    if wrong:
        raise ScheduleError(f"schedules '{settings.schedules}': {'; '.join(wrong)}")
    return tuple(found)


def _duplicates(schedules: Sequence[Schedule]) -> Iterator[str]:
    first: dict[str, int] = {}
    for i, schedule in enumerate(schedules):
        if schedule.name in first:
            yield f"schedules[{i}].name: '{schedule.name}' is the name of schedules[{first[schedule.name]}] as well"
        first.setdefault(schedule.name, i)


def _unknown_configs(schedules: Sequence[Schedule], configs: Path) -> Iterator[str]:
    for i, schedule in enumerate(schedules):
        if isinstance(schedule, JobSchedule):
            try:
                load_config(configs, schedule.config)
            except InvalidRequestError as error:
                yield f"schedules[{i}].config: {error}"


def _told(detail: ErrorDetails) -> str:
    """Return what is wrong with its place, without the kind that pydantic puts into the places of a schedule."""
    place = ""
    for i, part in enumerate(detail["loc"]):
        if i != 2:
            place += f"[{part}]" if isinstance(part, int) else f".{part}"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{place.removeprefix('.')}: {message}" if place else message
