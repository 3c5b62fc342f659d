"""The activity log."""

import json


def note(connection, what, customer, who, summary, details):
    connection.execute(
        "INSERT INTO shop.activity (what, customer_id, who, summary, details) VALUES (%s, %s, %s, %s, %s)",
        (what, customer, who, summary, json.dumps(details)),
    )
