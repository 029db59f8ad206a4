#!/usr/bin/env bash
# Runs govulncheck. A database that cannot be reached, as on a machine without network, is reported and is no failure; what it finds is one.
set -uo pipefail
tool=${GOVULNCHECK:-$PWD/bin/govulncheck}
out=$("$tool" ${GOVULNDB:+-db "$GOVULNDB"} "$@" 2>&1)
rc=$?
case $rc in
  0) echo "${out##*$'\n'}" ;;
  3) echo "$out" >&2; echo "vulnerabilities were found: update the modules that are named" >&2 ;;
  *)
    if grep -qE 'fetching vulnerabilities|creating client' <<<"$out"; then
      echo "NOT SCANNED: the database of vulnerabilities cannot be read (GOVULNDB names a copy of it): ${out##*$'\n'}" >&2
      exit 0
    fi
    echo "$out" >&2 ;;
esac
exit $rc
