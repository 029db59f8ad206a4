#!/usr/bin/env bash
# Runs the first steps of the README in a playground of its own and draws what they print: docs/images/playground.svg.
set -euo pipefail
cd "$(dirname "$0")/.."
state=$(mktemp -d)
transcript=$(mktemp)
playground() { bin/playground --state-dir "$state" "$@"; }
trap 'playground down >/dev/null 2>&1 || true; rm -rf "$state" "$transcript"' EXIT

# What is typed, and what it prints, up to a number of lines, which for a command without a pipe is the beginning.
show() {
  local lines=$1 typed=$2
  shift 2
  echo "recording: $typed"
  { echo "\$ $typed" && "$@" 2>&1 | sed -n "1,${lines}p"; } >>"$transcript"
}
up() {
  bin/playground up --state-dir "$state" --controller bin/controller >"$state.log" 2>&1 &
  until grep -q '^  *bin/playground.* curl ' "$state.log" || ! kill -0 $!; do sleep 0.2; done
  grep -vE '^ *$|compil|build' "$state.log" | sed "s| --state-dir $state||g"
}

show 14 "make playground" up
host=$(playground kubectl get ingress -n game-2048 game -o jsonpath='{.status.loadBalancer.ingress[0].hostname}')
show 7 "bin/playground curl http://$host/ | tail -6" bash -c "bin/playground --state-dir $state curl http://$host/ | tail -6"
show 8 "bin/lbc plan -f examples/shop.yaml | head -8" bin/lbc plan -f examples/shop.yaml
show 4 "bin/playground apply -f examples/shop.yaml | tail -4" bash -c "bin/playground --state-dir $state apply -f examples/shop.yaml | tail -4"
playground kubectl wait -n shop --for=create lb/group-shop --timeout=60s >/dev/null
playground kubectl wait -n shop --for=condition=Ready lb/group-shop --timeout=60s >/dev/null
show 6 "bin/playground kubectl get lb -A" playground kubectl get lb -A
go run ./hack/recording <"$transcript" >docs/images/playground.svg
echo "docs/images/playground.svg: $(wc -l <"$transcript") lines"
