"""Chains: the trading days of a portfolio, numbered without a gap, its end, and the model-days they come from."""

from storage.checks.finding import Invariant, by_sql

_NUMBERS = """
    SELECT date || ', ' || model || ', job ' || job_id, 'day_number', number, day_number FROM (
        SELECT t.date, p.model, t.job_id, t.day_number,
            COALESCE(c.day_number, 0) + ROW_NUMBER() OVER (PARTITION BY t.portfolio_id ORDER BY t.date) AS number
        FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id
            LEFT JOIN carried_states c ON c.portfolio_id = t.portfolio_id
    ) WHERE number != day_number
"""
_ENDS = """
    SELECT experiment || ', ' || model, 'last_day, last_value and trading_days',
        printf('%s, %s, %s', date, value, number), printf('%s, %s, %s', last_day, last_value, trading_days)
    FROM (
        SELECT p.*, COALESCE(t.date, c.date) AS date, COALESCE(t.portfolio_value, c.portfolio_value) AS value,
            COALESCE(t.day_number, c.day_number, 0) AS number
        FROM portfolios p LEFT JOIN trading_days t ON t.portfolio_id = p.id
            AND t.date = (SELECT MAX(date) FROM trading_days WHERE portfolio_id = p.id)
            LEFT JOIN carried_states c ON c.portfolio_id = p.id
    ) WHERE (last_day, last_value, trading_days) IS NOT (date, value, number)
"""
#: where a cleanup removed days
_CARRIED = """
    SELECT p.experiment || ', ' || p.model, 'date', 'before the first trading day that is stored, ' || MIN(t.date),
        c.date
    FROM carried_states c JOIN portfolios p ON p.id = c.portfolio_id JOIN trading_days t ON t.portfolio_id = p.id
    GROUP BY p.id HAVING c.date >= MIN(t.date) OR c.first_day > c.date
"""
_CLOSINGS = """
    SELECT t.date || ', ' || p.model || ', job ' || t.job_id, 'position_id',
        (SELECT id FROM positions WHERE job_id = t.job_id AND date = t.date AND model = p.model
            ORDER BY action_id DESC LIMIT 1) AS last, t.position_id
    FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id WHERE t.position_id IS NOT last
"""
#: a job of an earlier version has no trading days, and no spec
_COMPLETED = """
    SELECT 'job ' || d.job_id || ', ' || d.date || ', ' || d.model, 'status',
        'completed with a trading day, or one that was superseded', 'completed without'
    FROM job_details d JOIN jobs j ON j.job_id = d.job_id
    WHERE d.status = 'completed' AND j.config_digest != ''
        AND NOT EXISTS (SELECT 1 FROM portfolios p JOIN trading_days t ON t.portfolio_id = p.id
            WHERE p.experiment = j.experiment AND p.model = d.model AND t.date = d.date AND t.job_id = d.job_id)
        AND NOT EXISTS (SELECT 1 FROM superseded_days s JOIN portfolios p ON p.id = s.portfolio_id
            WHERE s.job_id = d.job_id AND s.date = d.date AND p.model = d.model)
"""
_ORIGINS = """
    SELECT t.date || ', ' || p.model || ', job ' || t.job_id, 'model-day', 'completed, of the same experiment',
        COALESCE(d.status || ' in ' || j.experiment, 'none')
    FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id
        LEFT JOIN job_details d ON d.job_id = t.job_id AND d.date = t.date AND d.model = p.model
        LEFT JOIN jobs j ON j.job_id = t.job_id
    WHERE d.status IS NOT 'completed' OR j.experiment IS NOT p.experiment
"""
_STRAY = """
    SELECT 'job ' || r.job_id || ', ' || r.date || ', ' || r.model || ', action ' || r.action_id, 'trading day',
        'the one it belongs to', 'none'
    FROM positions r JOIN jobs j ON j.job_id = r.job_id
    WHERE r.action_id = 0 AND j.config_digest != '' AND NOT EXISTS (
        SELECT 1 FROM portfolios p JOIN trading_days t ON t.portfolio_id = p.id
        WHERE p.experiment = j.experiment AND p.model = r.model AND t.date = r.date AND t.job_id = r.job_id)
"""

INVARIANTS = (
    Invariant(name="days are numbered without a gap", table="trading_days", find=by_sql("trading_days", _NUMBERS)),
    Invariant(
        name="carried states come before stored days", table="carried_states", find=by_sql("carried_states", _CARRIED)
    ),
    Invariant(name="portfolios end with their last day", table="portfolios", find=by_sql("portfolios", _ENDS)),
    Invariant(name="days close with their last position", table="trading_days", find=by_sql("trading_days", _CLOSINGS)),
    Invariant(
        name="completed model-days have their trading day", table="job_details", find=by_sql("job_details", _COMPLETED)
    ),
    Invariant(name="trading days have their model-day", table="trading_days", find=by_sql("trading_days", _ORIGINS)),
    Invariant(name="positions have their trading day", table="positions", find=by_sql("positions", _STRAY)),
)
