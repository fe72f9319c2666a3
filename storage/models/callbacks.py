"""Callbacks: who is to be told of a job's end, and what came of it."""

from peewee import CompositeKey, ForeignKeyField, IntegerField, Model, TextField

from storage.models.jobs import Job


class Callback(Model):
    """A URL that is to be told of a job's end."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    url = TextField()

    class Meta:
        table_name = "callbacks"
        primary_key = CompositeKey("job", "url")
        without_rowid = True


class Delivery(Model):
    """The word of one end of a job to one URL: what is posted, and what came of it."""

    delivery_id = TextField(unique=True)
    job = ForeignKeyField(Job, on_delete="CASCADE")
    sequence = IntegerField()
    url = TextField()
    body = TextField()
    status = TextField()
    attempts = IntegerField()
    created_at = TextField()
    next_attempt_at = TextField(null=True)
    last_attempt_at = TextField(null=True)
    last_http_status = IntegerField(null=True)
    last_error = TextField(null=True)

    class Meta:
        table_name = "deliveries"
        indexes = ((("status", "next_attempt_at"), False),)
