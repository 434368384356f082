"""Embedded Postgres and Redis for one machine, without installation or administration."""
