#!/usr/bin/env bash
# Runs a command and says every 20 seconds that it is still at work, for steps that print nothing by themselves.
set -u
start=$SECONDS
"$@" &
child=$!
trap 'kill -TERM "$child" 2>/dev/null' INT TERM
( # who reads the output must not wait for a last nap
  trap 'kill "$nap" 2>/dev/null; exit' TERM
  while sleep 20 & nap=$!; wait "$nap"; do kill -0 "$child" 2>/dev/null || exit; echo "  … still at work after $((SECONDS - start)) s" >&2; done
) &
ticker=$!
wait "$child"
code=$?
kill "$ticker" 2>/dev/null
wait "$ticker" 2>/dev/null
exit "$code"
