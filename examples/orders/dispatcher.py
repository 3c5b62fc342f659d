"""The dispatcher: takes due tasks and tells the shipping service."""

import os
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from shop import health
from shop.database import Database
from shop.server import serve
from shop.settings import duration, number
from shop.shipping import Failed, Left, Shipping
from shop.tasks import Queue

DATABASE = Database(os.environ["DATABASE_URL"])
STOPPING = threading.Event()


class TooLate(Exception):
    """What is left of the lease is less than a call may take."""


def reprice(shipping, task):
    """Tells the plan of each of the customer's parcels; why they were left, if they were."""
    if task.outdated:
        return "superseded"
    if not isinstance(task.body, dict):
        raise Failed("the task's body is no object")
    with DATABASE.transaction(LIMIT) as connection:
        parcels = connection.execute("SELECT id FROM shop.parcels WHERE customer_id = %s ORDER BY id", (task.customer,))
        parcels = [parcel for (parcel,) in parcels]
    left = []
    for parcel in parcels:
        if time.monotonic() > task.until:
            # Somebody else may have taken it by now.
            raise TooLate()
        left.append(shipping.reprice(task.id, parcel, task.plan))
    return next(filter(None, left), None)


HANDLERS = {"reprice": reprice}
LIMIT = 3


class Dispatcher:
    def __init__(self):
        self.queue = Queue(DATABASE)
        self.shipping = Shipping(os.environ["SHIPPING_URL"], os.environ["SHIPPING_TOKEN"], self.queue.limit)
        self.poll = duration("POLL", "1s")
        self.concurrency = number("CONCURRENCY", "8")
        self.pool = ThreadPoolExecutor(self.concurrency)
        self.under_way = set()
        self.beat = time.monotonic()

    def run(self):
        while not STOPPING.is_set():
            try:
                # A few ahead, so that no hand is idle; the rest is somebody else's.
                self.under_way = {one for one in self.under_way if not one.done()}
                holder, tasks = self.queue.claim(2 * self.concurrency - len(self.under_way))
                self.beat = time.monotonic()
            except Exception as error:
                print(f"tasks could not be taken: {type(error).__name__}", file=sys.stderr, flush=True)
                tasks = []
            for task in tasks:
                self.under_way.add(self.pool.submit(self.dispatch, holder, task))
            # Where all hands were needed there may be more.
            if not tasks or len(self.under_way) < self.concurrency:
                STOPPING.wait(self.poll)
            else:
                wait(self.under_way, timeout=self.poll, return_when=FIRST_COMPLETED)
        self.pool.shutdown(wait=True)

    def dispatch(self, holder, task):
        try:
            self.write_down(holder, task)
        except Exception as error:
            # The task is due again once its lease has run out.
            print(f"task {task.id}: {type(error).__name__}", file=sys.stderr, flush=True)

    def write_down(self, holder, task):
        try:
            handler = HANDLERS.get(task.type)
            if handler is None:
                raise Failed(f"nobody handles {task.type}")
            left = handler(self.shipping, task)
        except Failed as failed:
            self.queue.failed(holder, task, str(failed), left=isinstance(failed, Left))
        else:
            self.queue.done(holder, task, left)


def main():
    dispatcher = Dispatcher()
    loop = threading.Thread(target=dispatcher.run)
    loop.start()
    dependencies = [
        health.Dependency("db", health.database(os.environ["DATABASE_URL"], "shop.tasks"), critical=True),
        health.Dependency("dispatching", health.loop(lambda: dispatcher.beat, duration("STALE_AFTER", "30s")), critical=True),
        health.Dependency("shipping", health.service(os.environ["SHIPPING_URL"], os.environ["SHIPPING_TOKEN"]), critical=True),
    ]
    serve(health.Health("dispatcher", dependencies).routes())
    STOPPING.set()
    loop.join()


main()
