"""Who may do what in the database: the service's role, what it may do, and the database that it owns."""

from __future__ import annotations

from metaflow_anywhere.later import psycopg, sql
from metaflow_anywhere.stack.passwords import DATABASE, SERVICE_ROLE

RIGHTS = ("pg_use_reserved_connections",)  # what the service's role is a member of


def ensure_role_and_database(connection: psycopg.Connection, passwords: dict[str, str]) -> None:
    """The service's role, its database, and the passwords of both roles; safe to repeat."""
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [SERVICE_ROLE]).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(SERVICE_ROLE)))
    for right in RIGHTS:
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(right), sql.Identifier(SERVICE_ROLE)))
    for role, password in passwords.items():
        # encrypted here, so that no password is ever in a statement, and thus in no log
        encrypted = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(encrypted)))
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
        create = sql.SQL("CREATE DATABASE {} OWNER {}")
        connection.execute(create.format(sql.Identifier(DATABASE), sql.Identifier(SERVICE_ROLE)))
