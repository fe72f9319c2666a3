"""Portfolios: the ledger's positions, the trading days that follow from them, and what became of former ones."""

from peewee import AutoField, CompositeKey, FloatField, ForeignKeyField, IntegerField, Model, TextField

from storage.models.jobs import Job
from storage.money import MoneyField


class Position(Model):
    """State of a portfolio after one action of a day."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    date = TextField(index=True)
    model = TextField(index=True)
    action_id = IntegerField()
    action_type = TextField()
    symbol = TextField(null=True)
    amount = IntegerField(null=True)
    price = MoneyField(null=True)
    cash = MoneyField()
    portfolio_value = MoneyField()
    daily_profit = MoneyField(null=True)
    daily_return_pct = FloatField(null=True)
    cumulative_profit = MoneyField(null=True)
    cumulative_return_pct = FloatField(null=True)
    created_at = TextField()
    commission = MoneyField(default=0)
    slippage = MoneyField(default=0)

    class Meta:
        table_name = "positions"
        indexes = ((("job", "date", "model", "action_id"), True), (("date", "model"), False))


class Holding(Model):
    """Shares of one symbol in a position."""

    position = ForeignKeyField(Position, on_delete="CASCADE")
    symbol = TextField(index=True)
    quantity = IntegerField()

    class Meta:
        table_name = "holdings"


class RejectionRecord(Model):
    """An order that was refused."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    date = TextField()
    model = TextField()
    after_action_id = IntegerField()
    action_type = TextField()
    symbol = TextField()
    amount = TextField()
    reason = TextField()
    message = TextField()

    class Meta:
        table_name = "rejections"
        indexes = ((("job", "date", "model"), False),)


class PortfolioRecord(Model):
    """One model's continuous portfolio in one experiment: its definition, last state and holder."""

    experiment = TextField()
    model = TextField()
    definition = TextField()
    initial_cash = MoneyField()
    last_day = TextField(null=True)
    last_value = MoneyField(null=True)
    trading_days = IntegerField(default=0)
    claimed_by = ForeignKeyField(Job, null=True, on_delete="SET NULL", column_name="claimed_by")
    created_at = TextField()

    class Meta:
        table_name = "portfolios"
        indexes = ((("experiment", "model"), True), (("experiment", "last_value", "model"), False))


class TradingDay(Model):
    """A portfolio at the close of a date; `position` is its last state of the day."""

    portfolio = ForeignKeyField(PortfolioRecord, on_delete="CASCADE", index=False)
    date = TextField()
    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    position = ForeignKeyField(Position, on_delete="CASCADE")
    day_number = IntegerField()
    cash = MoneyField()
    portfolio_value = MoneyField()
    daily_profit = MoneyField()
    daily_return_pct = FloatField()
    cumulative_profit = MoneyField()
    cumulative_return_pct = FloatField()

    class Meta:
        table_name = "trading_days"
        primary_key = CompositeKey("portfolio", "date")
        without_rowid = True
        indexes = ((("date",), False), (("job", "date"), False))


class CarriedStateRecord(Model):
    """What a portfolio's trading days build on after a cleanup: its state at the close of the last day removed.

    `first_day` is the portfolio's first one, `holdings` are shares by symbol as JSON.
    """

    portfolio = ForeignKeyField(PortfolioRecord, primary_key=True, on_delete="CASCADE")
    first_day = TextField()
    date = TextField()
    day_number = IntegerField()
    cash = MoneyField()
    portfolio_value = MoneyField()
    holdings = TextField()
    removed_at = TextField()

    class Meta:
        table_name = "carried_states"


class SupersededDayRecord(Model):
    """A trading day that a later commit replaced; `content` holds its positions and rejections as JSON."""

    id = AutoField()
    portfolio = ForeignKeyField(PortfolioRecord, on_delete="CASCADE")
    date = TextField()
    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    attempt = IntegerField()
    day_number = IntegerField()
    cash = MoneyField()
    portfolio_value = MoneyField()
    daily_profit = MoneyField()
    daily_return_pct = FloatField()
    cumulative_profit = MoneyField()
    cumulative_return_pct = FloatField()
    content = TextField()
    superseded_by = TextField()
    superseded_at = TextField()

    class Meta:
        table_name = "superseded_days"
        indexes = ((("job", "date"), False),)


class RevaluationRecord(Model):
    """A time at which the values of a job's trading days in a portfolio were computed anew on other prices."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    portfolio = ForeignKeyField(PortfolioRecord, on_delete="CASCADE")
    revalued_at = TextField()
    old_digest = TextField()
    new_digest = TextField()
    trading_days = IntegerField()
    changed_days = IntegerField()

    class Meta:
        table_name = "revaluations"
        indexes = ((("job", "portfolio"), False),)
