"""Postgres and Redis without installation or administration, for one machine."""
