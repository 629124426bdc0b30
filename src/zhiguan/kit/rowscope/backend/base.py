"""PostgreSQL backend that tells every transaction the frame it works under.

Outside a transaction no setting is in force, so scoped tables show no rows: forgetting the transaction fails closed.
"""

from django.db.backends.postgresql import base
from psycopg import Error
from psycopg.pq import TransactionStatus

from zhiguan.kit.rowscope import frame


class DatabaseWrapper(base.DatabaseWrapper):
    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)
        if not autocommit:
            self.tell_frame(frame.NOTHING, frame.current())

    def tell_frame(self, before: "frame.Frame", after: "frame.Frame") -> None:
        """Set the settings of ``after`` for the rest of the transaction and blank those only ``before`` had."""
        if self.connection is None:
            return
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            return  # the rollback that must follow restores what was told before
        settings = {name: "" for name in before.settings} | after.settings
        if not any(settings.values()) and before is after:
            return
        names = ", ".join("set_config(%s, %s, true)" for _ in settings)
        with self.wrap_database_errors:
            try:
                self.connection.execute(f"SELECT {names}", [part for pair in settings.items() for part in pair])
            except Error:
                self.connection.rollback()
                raise
