"""Settings, as the environment has them."""

import os

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def seconds(text):
    """Reads `100ms`, `2s`, `5m` or `24h`."""
    unit = "ms" if text.endswith("ms") else text[-1:]
    if unit not in UNITS:
        raise ValueError(f"{text!r} is no duration; write 100ms, 2s, 5m or 24h")
    return float(text[: -len(unit)]) * UNITS[unit]


def duration(name, otherwise):
    return seconds(os.environ.get(name, otherwise))


def number(name, otherwise):
    return int(os.environ.get(name, otherwise))


def each(name):
    """Entries such as `db=500ms`, joined by commas."""
    entries = (entry.split("=", 1) for entry in os.environ.get(name, "").split(",") if entry)
    return {key.strip(): value for key, value in entries}
