#!/bin/sh
# The shop's role, database and extension, in a new volume (the image runs what it finds in docker-entrypoint-initdb.d).
# A volume whose superuser is `lookalike` is from before: docs/how-to/deploy.md, "Database roles", says how to change it.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$SHOP_PASSWORD" --username="${POSTGRES_USER:-postgres}" --dbname=template1 <<'SQL'
CREATE EXTENSION IF NOT EXISTS vector;
CREATE ROLE lookalike LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
CREATE DATABASE lookalike OWNER lookalike;
SQL
