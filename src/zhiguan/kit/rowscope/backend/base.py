"""PostgreSQL backend that tells every transaction the frame it works under.

Outside a transaction no setting is in force, so scoped tables show no rows: forgetting the transaction fails closed.
What happens with every request is kept short here: one message begins the transaction and tells the frame, a quiet
socket says that the server is still there, and moments are read by the driver's compiled code.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from select import POLLIN, poll
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import register_tzloader
from psycopg import Connection, Cursor, Error
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.types.datetime import TimestamptzLoader

from zhiguan.kit.rowscope import frame

ONLY_ASKED = 2**31
"""Uses after which psycopg would prepare a statement unasked: never."""
AGAIN = 1
"""Uses after which it does so within :meth:`DatabaseWrapper.preparing`: what was used only once is not worth a plan."""
PLANS = 200
"""Statements that stay prepared on a connection, the oldest given up."""


class Prepared(Cursor):
    """A cursor whose statements the server plans once for each connection."""

    def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
        return super().execute(query, params, prepare=True, **more)


class DatabaseWrapper(base.DatabaseWrapper):
    _prepares = False

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        connection = super().get_new_connection(conn_params)
        connection.adapters.register_loader("timestamptz", TimestamptzLoader)
        connection.prepare_threshold, connection.prepared_max = ONLY_ASKED, PLANS
        return connection

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """Have the server keep the plan of every statement of the block that comes again on this connection.

        For acts done over and over, whose statements name their rows by key. The values travel beside the text, so they
        need the types of their columns: a number for a number, not its digits.
        """
        if self._prepares:
            yield
            return
        self.ensure_connection()
        connection, self._prepares = self.connection, True
        connection.prepare_threshold = AGAIN
        try:
            yield
        finally:
            connection.prepare_threshold, self._prepares = ONLY_ASKED, False

    def prepared_cursor(self) -> Any:
        """Return a cursor for statements that come again and again: the server plans each once for this connection.

        For statements whose best plan does not change with the values given apart from the text: none, or a key.
        """
        self.ensure_connection()
        self.close_if_health_check_failed()
        with self.wrap_database_errors:
            return self._prepare_cursor(Prepared(self.connection))

    def create_cursor(self, name: str | None = None) -> Any:
        if name is None and self.timezone is UTC:  # the connection's own loader answers in UTC
            return Cursor(self.connection) if self._prepares else self.connection.cursor()
        register_tzloader(self.timezone, self.connection)
        return super().create_cursor(name)

    def is_usable(self) -> bool:
        """Tell whether the connection still stands: a server that went away has made its socket readable."""
        if self.connection is None or self.connection.closed:
            return False
        waiting = poll()
        waiting.register(self.connection.fileno(), POLLIN)
        return super().is_usable() if waiting.poll(0) else True

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)
        if not autocommit:
            self._begin(frame.current())

    def _begin(self, told: "frame.Frame") -> None:
        """Begin the transaction and tell it the frame, in one message."""
        connection = self.connection
        if connection is None or not any(told.settings.values()):
            return  # psycopg begins it with the first statement
        if connection.isolation_level or connection.info.transaction_status != TransactionStatus.IDLE:
            self.tell_frame(frame.NOTHING, told)
            return
        with self.wrap_database_errors:
            result = connection.pgconn.exec_(f"BEGIN; {told.statement}".encode())
            if result.status != ExecStatus.TUPLES_OK:
                if connection.info.transaction_status == TransactionStatus.INERROR:
                    connection.rollback()
                raise error_from_result(result, connection.info.encoding)

    def tell_frame(self, before: "frame.Frame", after: "frame.Frame") -> None:
        """Set the settings of ``after`` for the rest of the transaction and blank those only ``before`` had."""
        if self.connection is None:
            return
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            return  # the rollback that must follow restores what was told before
        if before is after and not any(after.settings.values()):
            return
        with self.wrap_database_errors:
            try:
                self.connection.execute(after.statement_after(before))
            except Error:
                self.connection.rollback()
                raise
