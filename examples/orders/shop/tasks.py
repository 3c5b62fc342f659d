"""The queue of what has still to be told to the shipping service."""

import os
import time
import uuid

from shop import kinds
from shop.activity import note
from shop.settings import duration, number, seconds

SCHEDULE = [seconds(step) for step in "1m,5m,15m,30m,1h,2h,4h,8h,16h,24h".split(",")]

# Of one customer nothing is taken while an older task of his is on its way.
CLAIM = """
    WITH due AS (
        SELECT id FROM shop.tasks AS task
        WHERE done_at IS NULL AND dead_at IS NULL AND run_at <= now()
        AND NOT EXISTS (
            SELECT FROM shop.tasks AS older
            WHERE older.customer_id = task.customer_id AND older.id < task.id
            AND older.held_by IS NOT NULL AND older.run_at > now()
        )
        ORDER BY run_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
    )
    UPDATE shop.tasks AS task
    SET run_at = now() + %(lease)s * interval '1 s', held_by = %(holder)s
    FROM due WHERE task.id = due.id
    RETURNING task.id, task.type, task.customer_id, task.plan, task.body, task.tries,
        EXISTS (SELECT FROM shop.tasks AS newer WHERE newer.customer_id = task.customer_id AND newer.id > task.id)
"""

# Only who still holds a task writes down how it ended.
HELD = "id = %(id)s AND held_by = %(holder)s AND run_at > now()"
DONE = f"UPDATE shop.tasks SET done_at = now(), tried_at = now(), problem = NULL, held_by = NULL WHERE {HELD}"
AGAIN = f"""
    UPDATE shop.tasks SET tries = tries + 1, tried_at = now(), problem = %(problem)s, held_by = NULL,
    run_at = now() + %(step)s * interval '1 s' WHERE {HELD}
"""
DEAD = f"""
    UPDATE shop.tasks SET tries = tries + 1, tried_at = now(), problem = %(problem)s, held_by = NULL,
    dead_at = now() WHERE {HELD}
"""


class Task:
    def __init__(self, row, until):
        # Until when it may be begun, by our own clock.
        self.until = until
        self.id, self.type, self.customer, self.plan, self.body, self.tries, self.outdated = row


class Queue:
    """Takes tasks, and writes down how they ended."""

    def __init__(self, database):
        self.database = database
        self.batch, self.attempts = number("BATCH", "50"), number("MAX_ATTEMPTS", "10")
        self.lease, self.limit = duration("LEASE", "5m"), duration("CALL_LIMIT", "30s")
        schedule = [text for text in os.environ.get("SCHEDULE", "").split(",") if text]
        self.schedule = [seconds(text) for text in schedule] or SCHEDULE

    def claim(self, most):
        """Who holds them, and at most so many tasks."""
        holder = str(uuid.uuid4())
        until = time.monotonic() + self.lease - self.limit
        values = {"batch": min(self.batch, most), "lease": self.lease, "holder": holder}
        with self.database.transaction(self.limit) as connection:
            return holder, [Task(row, until) for row in connection.execute(CLAIM, values)]

    def done(self, holder, task, left):
        with self.database.transaction(self.limit) as connection:
            if connection.execute(DONE, {"id": task.id, "holder": holder}).rowcount:
                note(connection, kinds.TASK_DONE, task.customer, "dispatcher", "told", {"task": task.id, "left": left})

    def failed(self, holder, task, problem, left=False):
        problem = problem[:1000]
        values = {"id": task.id, "holder": holder, "problem": problem}
        last = task.tries + 1 >= self.attempts
        step = self.schedule[min(task.tries + 1, len(self.schedule) - 1)]
        with self.database.transaction(self.limit) as connection:
            if connection.execute(DEAD if last else AGAIN, {**values, "step": step}).rowcount:
                what = kinds.TASK_GIVEN_UP if last else kinds.TASK_RETRYING
                details = {"task": task.id, "problem": problem}
                if left:
                    note(connection, kinds.TASK_LEFT, task.customer, "dispatcher", "left", details)
                note(connection, what, task.customer, "dispatcher", "given up" if last else "again later", details)
