"""The market: bars, splits and dividends, where they came from, and how often vendors were asked."""

from peewee import AutoField, CompositeKey, ForeignKeyField, IntegerField, Model, TextField

from storage.money import MoneyField


class PriceImport(Model):
    """One import of prices: what it brought."""

    id = AutoField()
    imported_at = TextField()
    source = TextField()
    added = IntegerField()
    changed = IntegerField()
    refused = IntegerField()

    class Meta:
        table_name = "price_imports"


class PriceBar(Model):
    """A bar; a bar of a day that has only opened has no high, low, close and volume yet."""

    symbol = TextField()
    date = TextField()
    open = MoneyField()
    high = MoneyField(null=True)
    low = MoneyField(null=True)
    close = MoneyField(null=True)
    volume = IntegerField(null=True)
    price_import = ForeignKeyField(PriceImport, column_name="import_id", index=False)

    class Meta:
        table_name = "price_bars"
        primary_key = CompositeKey("symbol", "date")
        without_rowid = True


class CorporateActionRecord(Model):
    """A split or a dividend; an amount in micros (1e-6 dollars) per share."""

    symbol = TextField()
    ex_date = TextField()
    kind = TextField()
    numerator = IntegerField()
    denominator = IntegerField()
    amount_micros = IntegerField()
    price_import = ForeignKeyField(PriceImport, column_name="import_id", index=False)

    class Meta:
        table_name = "corporate_actions"
        primary_key = CompositeKey("symbol", "ex_date", "kind")
        without_rowid = True


class AdjustedSymbol(Model):
    """A symbol whose prices are adjusted for corporate actions."""

    symbol = TextField(primary_key=True)
    price_import = ForeignKeyField(PriceImport, column_name="import_id", index=False)

    class Meta:
        table_name = "adjusted_symbols"
        without_rowid = True


class PriceRevision(Model):
    """A bar that another import replaced by one that differs."""

    symbol = TextField()
    date = TextField()
    replacing = ForeignKeyField(PriceImport, column_name="replaced_by", backref="revisions", index=False)
    open = MoneyField()
    high = MoneyField(null=True)
    low = MoneyField(null=True)
    close = MoneyField(null=True)
    volume = IntegerField(null=True)
    price_import = ForeignKeyField(PriceImport, column_name="import_id", backref="replaced", index=False)

    class Meta:
        table_name = "price_revisions"
        primary_key = CompositeKey("symbol", "date", "replacing")
        without_rowid = True


class ProviderRequests(Model):
    """How often a vendor with a daily quota was asked on a day."""

    provider = TextField()
    day = TextField()
    requests = IntegerField()

    class Meta:
        table_name = "provider_requests"
        primary_key = CompositeKey("provider", "day")
        without_rowid = True
