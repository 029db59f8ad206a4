#!/usr/bin/env bash
# Shows what a bare machine does with a fresh clone: it has git, make and Go, an empty home, and no module or package in a cache.
# Builds and starts the playground, sends it a request, ends it, and prints the seconds of each step. The clone and the home are removed.
set -euo pipefail
cd "$(dirname "$0")/.."
go=$(PATH=${BARE_GO:+$BARE_GO:}$PATH; command -v go)
dir=$(mktemp -d)
clean() {
  [ ! -x "$dir/lbc/bin/playground" ] || bare bin/playground down >/dev/null 2>&1 || true
  chmod -R u+w "$dir"
  rm -rf "$dir"
}
trap clean EXIT
bare() { (cd "$dir/lbc" && env -i HOME="$dir/home" TMPDIR="$dir/tmp" PATH="$(dirname "$go"):/usr/sbin:/usr/bin:/sbin:/bin" "$@"); }
step() { # TEXT COMMAND
  local began=$SECONDS
  bare "${@:2}"
  printf '%-45s %4d s\n' "$1" $((SECONDS - began))
}
mkdir "$dir/home" "$dir/tmp"
git clone -q . "$dir/lbc"
echo "commit $(git rev-parse --short HEAD), $(env -i HOME="$dir/home" GOTOOLCHAIN=local "$go" version), $(nproc) processors"
step "make build-playground, with what it downloads" make build-playground
step "bin/playground up -d" bin/playground up -d --controller bin/controller
step "a request to the first example" bash -c 'bin/playground curl -s "http://$(bin/playground kubectl get ingress -n game-2048 game -o jsonpath="{.status.loadBalancer.ingress[0].hostname}")/" >/dev/null'
step "bin/playground down" bin/playground down
printf '%-45s %4d s\n' "all" "$SECONDS"
