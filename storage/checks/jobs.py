"""Jobs: their counts, their events, what they hold, and the attempts at their model-days."""

from storage.checks.finding import Invariant, by_sql

_COUNTS = """
    SELECT 'job ' || j.job_id, 'total, completed and failed model-days',
        printf('%d, %d, %d', COALESCE(d.total, 0), COALESCE(d.completed, 0), COALESCE(d.failed, 0)),
        printf('%d, %d, %d', j.total_model_days, j.completed_model_days, j.failed_model_days)
    FROM jobs j LEFT JOIN (
        SELECT job_id, COUNT(*) AS total, SUM(status = 'completed') AS completed, SUM(status = 'failed') AS failed
        FROM job_details GROUP BY job_id
    ) d ON d.job_id = j.job_id
    WHERE (j.total_model_days, j.completed_model_days, j.failed_model_days)
        IS NOT (COALESCE(d.total, 0), COALESCE(d.completed, 0), COALESCE(d.failed, 0))
"""
_UNFINISHED = """
    SELECT 'job ' || d.job_id || ', ' || d.date || ', ' || d.model, 'status', 'one that has ended, as its job',
        d.status
    FROM job_details d JOIN jobs j ON j.job_id = d.job_id
    WHERE d.status IN ('pending', 'running') AND j.status NOT IN ('pending', 'running')
"""
_GAPS = """
    SELECT 'job ' || job_id || ', sequence ' || sequence, 'sequence', before + 1, sequence FROM (
        SELECT job_id, sequence, LAG(sequence) OVER (PARTITION BY job_id ORDER BY sequence) AS before FROM job_events
    ) WHERE before IS NOT NULL AND sequence != before + 1
"""
_LAST = """
    SELECT 'job ' || j.job_id, 'last_sequence', COALESCE(MAX(e.sequence), 0), j.last_sequence
    FROM jobs j LEFT JOIN job_events e ON e.job_id = j.job_id
    GROUP BY j.job_id HAVING j.last_sequence != COALESCE(MAX(e.sequence), 0)
"""
_CLAIMS = """
    SELECT p.experiment || ', ' || p.model, 'claimed_by', 'a job of its experiment that has not ended',
        printf('job %s, %s in %s', p.claimed_by, j.status, j.experiment)
    FROM portfolios p LEFT JOIN jobs j ON j.job_id = p.claimed_by
    WHERE p.claimed_by IS NOT NULL
        AND (j.status IS NULL OR j.status NOT IN ('pending', 'running') OR j.experiment != p.experiment)
"""
#: an attempt has its row when it has ended; of those before 0004 only the last one of a model-day has
_ATTEMPTS = """
    SELECT 'job ' || d.job_id || ', ' || d.date || ', ' || d.model || ', attempt ' || d.attempt, 'outcome',
        CASE d.status WHEN 'completed' THEN 'succeeded' WHEN 'running' THEN 'none while it runs' ELSE 'failed' END,
        COALESCE(a.outcome, 'none')
    FROM job_details d JOIN jobs j ON j.job_id = d.job_id
        LEFT JOIN attempts a ON (a.job_id, a.date, a.model, a.number) = (d.job_id, d.date, d.model, d.attempt)
    WHERE d.attempt > 0 AND (d.status = 'completed' AND a.outcome IS NOT 'succeeded'
        OR d.status = 'running' AND a.outcome IS NOT NULL
        OR d.status = 'failed' AND a.outcome IS NOT 'failed')
"""
_LATER_ATTEMPTS = """
    SELECT 'job ' || a.job_id || ', ' || a.date || ', ' || a.model || ', attempt ' || a.number, 'number',
        'at most ' || COALESCE(d.attempt, 0), a.number
    FROM attempts a LEFT JOIN job_details d ON (d.job_id, d.date, d.model) = (a.job_id, a.date, a.model)
    WHERE d.attempt IS NULL OR a.number > d.attempt
"""

INVARIANTS = (
    Invariant(name="jobs count their model-days", table="jobs", find=by_sql("jobs", _COUNTS)),
    Invariant(
        name="jobs that ended left nothing to be run", table="job_details", find=by_sql("job_details", _UNFINISHED)
    ),
    Invariant(name="events follow each other", table="job_events", find=by_sql("job_events", _GAPS)),
    Invariant(name="jobs know their last event", table="jobs", find=by_sql("jobs", _LAST)),
    Invariant(name="portfolios are held by active jobs", table="portfolios", find=by_sql("portfolios", _CLAIMS)),
    Invariant(name="model-days agree with their attempts", table="job_details", find=by_sql("job_details", _ATTEMPTS)),
    Invariant(name="attempts are those of model-days", table="attempts", find=by_sql("attempts", _LATER_ATTEMPTS)),
)
