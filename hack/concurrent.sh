#!/usr/bin/env bash
# Lists the packages of the root module whose code or tests start goroutines or servers, use locks or atomics, or run functions by timers; with -not, all
# others. The race detector finds nothing in the others, and makes compiling and running their tests several times slower.
set -euo pipefail
cd "$(dirname "$0")/.."
not=${1:-}
go list -f '{{.ImportPath}} {{.Dir}}' ./... | while read -r package dir; do
	if grep -qE '\bgo func|\bgo [A-Za-z_.]+\(|\.Go\(|\b(sync|atomic)\.[A-Z]|\.AfterFunc\(|httptest\.New[A-Za-z]*Server|\.Serve\(|ListenAndServe' "$dir"/*.go; then
		[ -n "$not" ] || echo "$package"
	else
		[ -z "$not" ] || echo "$package"
	fi
done
