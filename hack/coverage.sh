#!/usr/bin/env bash
# Measures the statement coverage of "make test" and of "make test-all" over our packages, merged over all test binaries and over the
# processes of the end-to-end tests, the controller and the control plane. Fails if make test covers less than 97 % of what make test-all covers,
# and if a test fails.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
out=${1:?a directory for the counters}
rm -rf "$out"
mkdir -p "$out/bin"
go build -cover -coverpkg=github.com/k8s-lbc/lbc/... -o "$out/bin/" ./cmd/controller ./cmd/lbc
go build -C playground -cover -coverpkg=github.com/k8s-lbc/lbc/... -o "$(realpath "$out")/bin/" ./cmd/playground
covered() { # DIRECTORIES, separated by commas: covered statements, all statements
	go tool covdata textfmt -i "$1" -o "$out/statements.txt"
	awk 'NR > 1 && $1 !~ /zz_generated|_generated\.go/ {all += $2; if ($3 > 0) hit += $2} END {print hit, all}' "$out/statements.txt"
}
# What is left of make test-all are the long forms and the long tests.
failed=0
for form in test long; do
	mkdir -p "$out/$form"
	CONTROLLER=$out/bin/controller PLAYGROUND=$out/bin/playground GOCOVERDIR=$out/$form bin/testrun -cover "$out/$form" "$form" || failed=1
done
short=$(covered "$out/test") long=$(covered "$out/test,$out/long")
read -r short statements <<<"$short"
read -r long _ <<<"$long"
awk -v s="$short" -v l="$long" -v n="$statements" 'BEGIN {
	printf "make test covers %.1f %% of %d statements, make test-all %.1f %%: %.1f %% of it\n", 100*s/n, n, 100*l/n, 100*s/l
	exit s < 0.97 * l
}'
exit "$failed"
