"""A pool of Python's `psycopg` that a test drives line by line: `warm` prepares the statement on every connection,
`claim` executes it once and prints the id of the row, or the SQLSTATE."""

import os
import sys

import psycopg
from psycopg_pool import ConnectionPool

SIZE, ROUNDS = int(sys.argv[1]), int(sys.argv[2])
CLAIM = os.environ["SABOT_CLAIM"].replace("$1", "%s")


def warm(pool):
    connections = [pool.getconn() for _ in range(SIZE)]
    for _ in range(ROUNDS):
        for connection in connections:
            connection.execute(CLAIM, ["queued"])
    for connection in connections:
        pool.putconn(connection)
    return "warm"


def claim(pool):
    try:
        with pool.connection() as connection:
            return connection.execute(CLAIM, ["queued"]).fetchone()[0]
    except psycopg.Error as error:
        return error.sqlstate or repr(error)


with ConnectionPool(
    min_size=SIZE,
    max_size=SIZE,
    check=ConnectionPool.check_connection,
    kwargs={"autocommit": True},
    open=True,
) as pool:
    for line in sys.stdin:
        print(warm(pool) if line.strip() == "warm" else claim(pool), flush=True)
