"""The order service: customers change their plan here, and the mail provider tells what became of our mail."""

import json
import os
import sys

import psycopg

from shop import health, kinds, mail
from shop.activity import note
from shop.database import Database
from shop.server import Refusal, serve

PLANS = ["basic", "plus", "business"]
LIMIT = 3

DATABASE = Database(os.environ["DATABASE_URL"])


def change_plan(request):
    """Writes the new plan down, and that the shipping service has to be told."""
    request.require(request.header("authorization").removeprefix("Bearer "), os.environ["API_TOKEN"])
    body = request.body()
    plan = body.get("plan") if isinstance(body, dict) else None
    if plan not in PLANS:
        raise Refusal(422, "no_plan", f"a plan is one of {', '.join(PLANS)}")
    customer = int(request.found["customer"])
    with DATABASE.transaction(LIMIT) as connection:
        found = connection.execute("SELECT plan FROM shop.customers WHERE id = %s FOR UPDATE", (customer,)).fetchone()
        if not found:
            raise Refusal(404, "no_customer", "nobody has this number")
        before = found[0]
        if before == plan:
            return 200, {"plan": plan, "changed": False}
        connection.execute("UPDATE shop.customers SET plan = %s WHERE id = %s", (plan, customer))
        raised = PLANS.index(plan) > PLANS.index(before)
        what = kinds.PLAN_RAISED if raised else kinds.PLAN_LOWERED
        note(connection, what, customer, "customer", f"{before} to {plan}", {"from": before, "to": plan})
    announce(customer, before, plan)
    return 200, {"plan": plan, "changed": True}


def announce(customer, before, plan):
    """The shipping service has to be told."""
    with DATABASE.transaction(LIMIT) as connection:
        connection.execute(
            "INSERT INTO shop.tasks (type, customer_id, plan, body) VALUES ('reprice', %s, %s, %s)",
            (customer, plan, json.dumps({"from": before})),
        )


def mail_event(request):
    """An event of the mail provider, which repeats it when we answer 503."""
    request.require(request.header("x-hook-token"), os.environ["HOOK_TOKEN"])
    event = request.body()
    try:
        with DATABASE.transaction(LIMIT) as connection:
            known = mail.receive(connection, event)
    except psycopg.OperationalError as error:
        print(f"an event could not be stored: {type(error).__name__}", file=sys.stderr, flush=True)
        raise Refusal(503, "later", "come again") from None
    if not known:
        raise Refusal(404, "no_message", "nobody sent this message")
    return 200, {"status": "ok"}


def main():
    if len(os.environ["HOOK_TOKEN"]) < 16:
        sys.exit("HOOK_TOKEN has fewer than 16 characters")
    dependencies = [
        health.Dependency("db", health.database(os.environ["DATABASE_URL"], "shop.customers"), critical=True),
        health.Dependency("shipping", health.service(os.environ["SHIPPING_URL"], os.environ["SHIPPING_TOKEN"]), critical=False),
    ]
    serve(
        [
            ("POST", r"/customers/(?P<customer>\d{1,18})/plan", change_plan),
            ("POST", "/hooks/mail", mail_event),
            *health.Health("orders", dependencies).routes(),
        ]
    )


main()
