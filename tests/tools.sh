#!/bin/sh
# Programs that the tests use and pip cannot install: a browser, curl, the checkers of the deployment files, and a C
# compiler for the library that sets a process's clock.
set -eu
missing=""
command -v chromium >/dev/null || missing="$missing chromium"
command -v docker-compose >/dev/null || missing="$missing docker-compose"
command -v caddy >/dev/null || missing="$missing caddy"
command -v curl >/dev/null || missing="$missing curl"
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
[ -z "$missing" ] && exit 0
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if command -v apt-get >/dev/null && $as_root true 2>/dev/null; then
    echo "Installing$missing with apt-get…"
    $as_root apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "Missing:$missing. Please install: without them some tests fail." >&2
fi
