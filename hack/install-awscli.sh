#!/usr/bin/env bash
# Installs AWS's own command line from Debian into .cache/awscli, for the test of the simulator with a client that is not Go's, with
# bin/aws to start it and bin/awspython to import it. Nothing outside of the repository changes, and root is needed only where apt
# has no lists yet. Does nothing if it is there. Without it that test is skipped, so this never fails.
set -euo pipefail
cd "$(dirname "$0")/.."
skip() {
  echo "$1: the test with AWS's command line will be skipped"
  exit 0
}
if [ -x bin/awspython ] && bin/aws --version >/dev/null 2>&1; then
  echo "aws is there: bin/aws"
  exit 0
fi
for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || skip "there is no aws, and it cannot be installed without $tool"
done

root=$PWD/.cache/awscli
log=$(mktemp)
debs=$(mktemp -d)
trap 'rm -rf "$log" "$debs"' EXIT
apt=(apt-get -q -o Debug::NoLocking=1 --no-install-recommends)

if ! "${apt[@]}" -s install awscli >"$log" 2>&1; then
  [ "$(id -u)" -eq 0 ] || skip "there is no aws, and apt knows no package awscli"
  echo "reading Debian's lists of packages"
  apt-get -q update >"$log" 2>&1 && "${apt[@]}" -s install awscli >"$log" 2>&1 || skip "there is no aws, and apt knows no package awscli"
fi
# What apt would install: awscli and those of its dependencies that this machine lacks.
mapfile -t packages < <(awk '$1 == "Inst" { sub(/^\(/, "", $3); print $2 "=" $3 }' "$log")
[ "${#packages[@]}" -gt 0 ] || skip "there is no aws, although apt believes that awscli is installed"
echo "downloading ${#packages[@]} packages"
(cd "$debs" && apt-get -q -o APT::Sandbox::User=root download "${packages[@]}") >"$log" 2>&1 || skip "$(tail -1 "$log")"
rm -rf "$root"
mkdir -p "$root" bin
for deb in "$debs"/*.deb; do
  dpkg-deb -x "$deb" "$root"
done

libraries=$(find "$root/usr/lib" "$root/lib" -maxdepth 1 -type d -name '*-linux-gnu*' 2>/dev/null | paste -sd: || true)
cat >bin/awspython <<WRAPPER
#!/bin/sh
# Python with AWS's command line as a library. Made by hack/install-awscli.sh.
python=/usr/bin/python3
[ -x "\$python" ] || python=$root/usr/bin/python3
export PYTHONPATH=$root/usr/lib/python3/dist-packages LD_LIBRARY_PATH=$libraries
exec "\$python" "\$@"
WRAPPER
cat >bin/aws <<WRAPPER
#!/bin/sh
# AWS's command line. Made by hack/install-awscli.sh.
exec $PWD/bin/awspython $root/usr/bin/aws "\$@"
WRAPPER
chmod +x bin/aws bin/awspython
if ! bin/aws --version >"$log" 2>&1; then
  rm -f bin/aws bin/awspython
  skip "aws does not start: $(tail -1 "$log")"
fi
echo "installed $(bin/aws --version | cut -d' ' -f1) as bin/aws"
