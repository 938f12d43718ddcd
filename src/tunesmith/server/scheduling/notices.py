"""Passes hints between the servers that share a PostgreSQL, by its LISTEN and NOTIFY.

A hint that is lost costs time and nothing else: each server looks for itself every few seconds.
"""

import threading
from contextlib import closing

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tunesmith.server.kit.database import Database
from tunesmith.server.scheduling.hint import Hint

_CHANNEL = "tunesmith"
_AWAKE_SECONDS = 1.0
_RETRY_SECONDS = 2.0

_log = structlog.get_logger()


class Notices:
    """Two threads: one tells the other servers, one hears them."""

    def __init__(self, database: Database, hint: Hint, server_id: str) -> None:
        self._database = database
        self._hint = hint
        self._server_id = server_id
        self._stopping = threading.Event()
        self._news = threading.Event()
        self._threads = [
            threading.Thread(target=self._tell, name="notices-tell", daemon=True),
            threading.Thread(target=self._hear, name="notices-hear", daemon=True),
        ]

    def start(self) -> None:
        """Begin to tell and to hear."""
        self._hint.relay = self._news.set
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads."""
        self._hint.relay = lambda: None
        self._stopping.set()
        self._news.set()
        for thread in self._threads:
            thread.join()

    def _tell(self) -> None:
        """Hints that come while one is being told are told together."""
        while not self._stopping.is_set():
            self._news.wait()
            self._news.clear()
            try:
                with self._database.write() as session:
                    named = {"channel": _CHANNEL, "server": self._server_id}
                    session.execute(text("SELECT pg_notify(:channel, :server)"), named)
            except SQLAlchemyError as error:
                _log.warning("notice_not_sent", error=type(error).__name__)

    def _hear(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                _log.warning("notices_interrupted", error=type(error).__name__)
                self._stopping.wait(_RETRY_SECONDS)

    def _listen(self) -> None:
        address = self._database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with closing(psycopg.connect(address, autocommit=True)) as connection:
            connection.execute(f"LISTEN {_CHANNEL}")
            self._hint.wake_here()  # something may have been said while nobody listened
            while not self._stopping.is_set():
                for notice in connection.notifies(timeout=_AWAKE_SECONDS, stop_after=1):
                    if notice.payload != self._server_id:
                        self._hint.wake_here()
