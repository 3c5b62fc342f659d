"""The shipping service: knows the plan of each parcel."""

import os

from shop import health
from shop.database import Database
from shop.server import Refusal, serve

PLANS = ["basic", "plus", "business"]
LIMIT = 3

DATABASE = Database(os.environ["DATABASE_URL"])


def plan(request):
    """Sets a parcel's plan. The key says which task tells it; an older one than the last changes nothing."""
    request.require(request.header("authorization").removeprefix("Bearer "), os.environ["TOKEN"])
    body = request.body()
    wanted = body.get("plan") if isinstance(body, dict) else None
    task = request.header("idempotency-key").split("/")[0]
    if wanted not in PLANS or not task.isdigit():
        raise Refusal(422, "no_plan", "say the plan, and by which task")
    parcel, task = int(request.found["parcel"]), int(task)
    with DATABASE.transaction(LIMIT) as connection:
        known = connection.execute("SELECT plan, task FROM parcels WHERE id = %s FOR UPDATE", (parcel,)).fetchone()
        if known is None:
            raise Refusal(404, "no_parcel", "nobody has handed it in")
        has, last = known
        if task < last:
            return 200, {"result": "left", "why": "superseded"}
        if has == wanted:
            return 200, {"result": "left", "why": "already_correct"}
        connection.execute("UPDATE parcels SET plan = %s, task = %s WHERE id = %s", (wanted, task, parcel))
    return 200, {"result": "done"}


def hand_in(request):
    """A parcel comes in."""
    request.require(request.header("authorization").removeprefix("Bearer "), os.environ["TOKEN"])
    with DATABASE.transaction(LIMIT) as connection:
        connection.execute(
            "INSERT INTO parcels (id, plan, task) VALUES (%s, '', 0) ON CONFLICT (id) DO NOTHING",
            (int(request.found["parcel"]),),
        )
    return 200, {"result": "done"}


def main():
    database = health.database(os.environ["DATABASE_URL"], "parcels")
    dependencies = [health.Dependency("db", database, critical=True)]
    routes = [
        ("PUT", r"/parcels/(?P<parcel>\d{1,18})", hand_in),
        ("PUT", r"/parcels/(?P<parcel>\d{1,18})/plan", plan),
    ]
    serve([*routes, *health.Health("shipping", dependencies).routes()])


main()
