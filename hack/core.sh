#!/usr/bin/env bash
# Lists the packages of the playground that have a test of the core, which "make test" runs. A package whose tests all begin with
# a call of Long is not listed: linking the package with a Kubernetes would be all that "make test" does with it.
set -euo pipefail
cd "$(dirname "$0")/../playground"
find . -name '*_test.go' -not -path '*/testdata/*' -print0 | sort -z | xargs -0 awk '
	FNR == 1 { begun = 0 }
	begun && !/(\.|\t)Long\(t, "/ { core[dir] = 1 }
	{ begun = 0 }
	/^func Test[A-Z0-9_].*\(t \*testing\.T\) \{$/ { begun = 1; dir = FILENAME; sub("/[^/]*$", "", dir) }
	/^func (Example|Fuzz)[A-Z0-9_]/ { dir = FILENAME; sub("/[^/]*$", "", dir); core[dir] = 1 }
	END { for (dir in core) print dir }
' | sort
