#!/usr/bin/env bash
# Installs Chromium for the test of the simulator's web page, where there is none, by apt-get and only as root. Without it that
# test is skipped, so this never fails.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "no chromium, and it cannot be installed here: the test of the web page will be skipped"
  exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -q && apt-get install -y -q --no-install-recommends chromium; } >"$log" 2>&1; then
  tail -5 "$log"
  echo "chromium could not be installed: the test of the web page will be skipped"
fi
