#!/bin/sh
# overlay.sh DIR writes a copy of text/template's exec.go and overlay.json for "go build -overlay" into DIR, and prints the
# path of overlay.json. Templates find only the methods of methods.txt with the copy, and the linker leaves out others.
# The name of DIR begins with a dot, so that ./... does not match the copy.
# If Go's source is not as this script expects, it prints nothing: programs are then built with Go's own, and are larger.
# Go replaces no file of a toolchain that it downloaded. DIR/go is then a link to it, under whose name it must be called (GOROOT).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd -P)
export GOTOOLCHAIN="${GOTOOLCHAIN:-auto}" GOFLAGS=''
root=$(go env GOROOT)
case $root in
"$dir/go") ;;
"$(go env GOMODCACHE)"/*)
	[ "$(readlink "$dir/go")" = "$root" ] || ln -sfn "$root" "$dir/go"
	root=$dir/go
	;;
*) rm -f "$dir/go" ;;
esac
source=$root/src/text/template/exec.go
call='ptr.MethodByName(fieldName)'
[ "$(grep -cF "$call" "$source")" = 1 ] || exit 0

put() { # put FILE replaces a file if its content changes, at once, since other runs may read it
	if cmp -s "$1" "$1.$$"; then rm "$1.$$"; else mv "$1.$$" "$1"; fi
}

{
	sed 's/ptr\.MethodByName(fieldName)/methodOf(ptr, fieldName)/' "$source"
	printf '\n// methodOf is v.MethodByName of the names that the linker can see here.\n'
	printf 'func methodOf(v reflect.Value, name string) reflect.Value {\n\tswitch name {\n'
	sed -n 's/^\([A-Z][A-Za-z]*\)$/\tcase "\1":\n\t\treturn v.MethodByName("\1")/p' "$here/methods.txt"
	printf '\t}\n\treturn reflect.Value{}\n}\n'
} >"$dir/exec.go.$$"
put "$dir/exec.go"
printf '{"Replace": {"%s": "%s"}}\n' "$source" "$dir/exec.go" >"$dir/overlay.json.$$"
put "$dir/overlay.json"
echo "$dir/overlay.json"
