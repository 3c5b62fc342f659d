"""What became of our mail: the provider's events come in, and the row of each message follows from them."""

import hashlib
import json

from shop.server import Refusal

# The provider's events, and the state in which each leaves a message. Of two of the same moment the upper one counts.
STATES = {
    "complained": "complained",
    "bounced": "bounced",
    "delivered": "arrived",
    "delayed": "delayed",
}
# Older accounts spell some of them otherwise.
SPELLINGS = {"delivery": "delivered", "bounce": "bounced"}

FOLLOW = """
    UPDATE shop.emails SET
        state = (
            SELECT known.state FROM shop.email_events AS event
            JOIN unnest(%(types)s::text[], %(states)s::text[]) WITH ORDINALITY AS known (type, state, rank)
            ON known.type = event.type
            WHERE event.message_id = %(message)s
            ORDER BY event.happened_at DESC, known.rank LIMIT 1
        ),
        arrived_at = CASE %(type)s WHEN 'delivered' THEN greatest(arrived_at, now()) ELSE arrived_at END
    WHERE message_id = %(message)s
"""


def is_word(text):
    return isinstance(text, str) and 0 < len(text.strip()) <= 1000 and "\0" not in text


def read(event):
    """What counts of an event as it came."""
    if not isinstance(event, dict):
        raise Refusal(400, "no_event", "an event is a JSON object")
    name, message, recipient, at = (event.get(key) for key in ("type", "message", "to", "at"))
    if not all(is_word(text) for text in (name, message, recipient)):
        raise Refusal(400, "no_event", "an event has a type, a message and a recipient")
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not 0 < at < 1e14:
        raise Refusal(400, "no_event", "an event has the time at which it happened")
    link = event.get("link") or ""
    if not isinstance(link, str) or "\0" in link:
        raise Refusal(400, "no_event", "a link is text")
    # Seconds or milliseconds, by magnitude.
    moment = at / 1000 if at > 1e11 else at
    return SPELLINGS.get(name, name), message, recipient, moment, link


def receive(connection, event):
    """Stores an event once, and lets the message's row follow."""
    name, message, recipient, moment, link = read(event)
    # Whoever tells of the same message waits here, so that both see both events.
    known = connection.execute("SELECT 1 FROM shop.emails WHERE message_id = %s FOR UPDATE", (message,)).fetchone()
    digest = hashlib.sha256(recipient.strip().lower().encode()).hexdigest()
    connection.execute(
        "INSERT INTO shop.email_events (message_id, type, happened_at, recipient_digest, link, raw)"
        " VALUES (%s, %s, to_timestamp(%s), %s, %s, %s) ON CONFLICT ON CONSTRAINT email_events_once DO NOTHING",
        (message, name, moment, digest, link, json.dumps(event)),
    )
    if name in STATES and known:
        types, states = list(STATES), list(STATES.values())
        connection.execute(FOLLOW, {"message": message, "type": name, "types": types, "states": states})
    return bool(known)
