"""Brings the database up."""

import os

from postgres import query

query(os.environ["DATABASE_URL"], "CREATE TABLE orders (id bigint PRIMARY KEY, placed_at timestamptz NOT NULL)", 10)
