"""An audit as lines for people."""

from collections.abc import Iterator

from aitrader.v1.job_pb2 import AuditViolation
from aitrader.v1.simulation_pb2 import AuditJobResponse

from .text import plain

#: violations that are shown one by one; `--json` tells all that the server told
MAX_VIOLATIONS = 20


def audit_lines(response: AuditJobResponse) -> Iterator[str]:
    """Tell what an audit found, the verdict first."""
    verdict = f"{response.violation_count} violations" if response.violation_count else "clean"
    yield f"job {response.job_id}: {verdict}"
    yield f"checked {response.observations} observations of {response.sessions} sessions"
    yield from map(_violation_line, response.violations[:MAX_VIOLATIONS])
    more = response.violation_count - min(MAX_VIOLATIONS, len(response.violations))
    if more > 0:
        yield f"and {more} more"
    if response.dropped_count:
        yield f"kept from the agents: {response.dropped_count}"
    for row in response.dropped:
        yield f"  {row.count} of {plain(row.tool_name)}: {plain(row.reason)}"


def _violation_line(violation: AuditViolation) -> str:
    place = f"{violation.date} {plain(violation.model)} attempt {violation.attempt} step {violation.step_number}"
    source = plain(violation.source_date) or "no date"
    return (
        f"{place}: {plain(violation.tool_name)} showed {plain(violation.subject)} of {source} as of {violation.as_of}"
    )
