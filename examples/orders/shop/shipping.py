"""The shipping service, as others call it."""

import http.client
import json
from urllib.parse import urlsplit


class Failed(Exception):
    """It could not be told."""


class Left(Failed):
    """It did not do it, for a reason that is none to us."""


class Shipping:
    def __init__(self, url, token, limit):
        self.at, self.token, self.limit = urlsplit(url), token, limit

    def reprice(self, task, parcel, plan):
        """Tells it the plan of one parcel; why it left it, if it did."""
        connection = http.client.HTTPConnection(self.at.hostname, self.at.port, timeout=self.limit)
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {self.token}",
            "idempotency-key": f"{task}/{parcel}",
        }
        try:
            connection.request("PUT", f"/parcels/{parcel}/plan", json.dumps({"plan": plan}), headers)
            response = connection.getresponse()
            return self.outcome(response.status, response.read(64 * 1024))
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"shipping could not be reached: {type(error).__name__}") from None
        finally:
            connection.close()

    def outcome(self, status, body):
        if status != 200:
            raise Failed(f"shipping answered {status}")
        try:
            answer = json.loads(body)
            result, why = answer["result"], answer.get("why")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Failed("shipping answered something else than promised") from None
        if result == "done":
            return None
        if result == "left":
            return why
        raise Left(f"shipping left it: {str(why)[:200]}")
