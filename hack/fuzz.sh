#!/usr/bin/env bash
# Runs every fuzz test of the root module for the given time each, two at a time with one worker each. A test that fails leaves its input in
# its package's testdata/fuzz, where every later run of the tests finds it.
set -euo pipefail
time=${1:-30s}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# one DIRECTORY NAME LOG
# Inputs are hardly minimised: coverage differs from run to run where maps and clocks are read, and the engine would spend all its time on it.
one() {
	if go test "./$1" -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 20x -parallel 1 >"$3" 2>&1; then
		echo "  $2 in $1: $(grep -o 'execs: [0-9]*' "$3" | tail -1)"
	elif grep -q 'context deadline exceeded' "$3" && ! grep -q 'Failing input written' "$3"; then
		# The fuzzing engine says so when its time is over while a worker is busy; no input failed.
		echo "  $2 in $1: $(grep -o 'execs: [0-9]*' "$3" | tail -1), ended while at work"
	else
		echo "  $2 in $1 failed:" && cat "$3" && return 1
	fi
}
export -f one
export time

echo "fuzzing for $time each"
grep -rlE '^func Fuzz' --include='*_test.go' internal awssim | sort | while read -r file; do
	grep -oE '^func Fuzz[A-Za-z0-9_]*' "$file" | sed 's/func //' | while read -r name; do
		printf '%s %s %s/%s.log\n' "$(dirname "$file")" "$name" "$dir" "$name"
	done
done | xargs -P 2 -L 1 bash -c 'one "$@"' fuzz
