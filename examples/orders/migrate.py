"""Brings a database up: `migrate.py schema.sql`."""

import os
import sys

import psycopg

with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=10) as connection, open(sys.argv[1]) as statements:
    connection.execute(statements.read())
