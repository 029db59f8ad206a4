#!/usr/bin/env bash
# Installs Chromium for the tests of web pages (the simulator's and the console), where there is none, by apt-get and only as root.
# Without it those tests are skipped, so this never fails.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "no chromium, and it cannot be installed here: the tests of web pages will be skipped"
  exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -q && apt-get install -y -q --no-install-recommends chromium; } >"$log" 2>&1; then
  tail -5 "$log"
  echo "chromium could not be installed: the tests of web pages will be skipped"
fi
