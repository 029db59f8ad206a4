#!/usr/bin/env bash
# Lists the packages of the root module whose tests need the race detector; with -not, all others. The race detector makes
# tests several times slower, and finds nothing where nothing is concurrent.
#
# A package needs the detector if its code has locks, atomics, timers, goroutines or servers, and its code or its tests
# start goroutines. If LBC_TEST_ALL is 1, one of these is enough, in code or tests.
#
# "make test" leaves out, beside that:
#   cmd/lbc             prints what commands report; its packages offline, recording and survey, and internal/console, run
#                       in goroutines and have the detector
set -euo pipefail
cd "$(dirname "$0")/.."
not=${1:-}
starts='\bgo func|\bgo [A-Za-z_.]+\(|\.Go\(|\.AfterFunc\(|httptest\.New[A-Za-z]*Server|\.Serve\(|ListenAndServe'
shares="$starts"'|\b(sync|atomic)\.[A-Z]'
left_out='cmd/lbc'

# concurrent DIRECTORY: whether the package there needs the race detector.
concurrent() {
	if [ "${LBC_TEST_ALL:-}" = 1 ]; then
		grep -qE "$shares" "$1"/*.go
		return
	fi
	local code
	code=$(find "$1" -maxdepth 1 -name '*.go' ! -name '*_test.go')
	[ -n "$code" ] && ! grep -qxE "$left_out" <<<"${1#"$PWD"/}" && grep -qE "$shares" $code && grep -qE "$starts" "$1"/*.go
}

go list -f '{{.ImportPath}} {{.Dir}}' ./... | while read -r package dir; do
	if concurrent "$dir"; then
		[ -n "$not" ] || echo "$package"
	else
		[ -z "$not" ] || echo "$package"
	fi
done
