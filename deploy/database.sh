#!/bin/sh
# Creates the shop's role, database and extension in a new volume; the image runs scripts in docker-entrypoint-initdb.d.
# In volumes of an earlier version `lookalike` is the superuser: docs/how-to/deploy.md, "Database roles", converts them.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$SHOP_PASSWORD" --username="${POSTGRES_USER:-postgres}" --dbname=template1 <<'SQL'
CREATE EXTENSION IF NOT EXISTS vector;
CREATE ROLE lookalike LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
CREATE DATABASE lookalike OWNER lookalike;
SQL
