// Command gen-annotations writes the reference page of annotations from their table.
//
//	go run ./hack/gen-annotations [FILE]
//
// FILE is docs/annotations.md by default, relative to the working directory.
package main

import (
	"fmt"
	"os"

	"github.com/k8s-lbc/lbc/internal/annotation"
)

func main() {
	file := "docs/annotations.md"
	if len(os.Args) > 1 {
		file = os.Args[1]
	}
	if err := os.WriteFile(file, []byte(annotation.Reference()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "gen-annotations:", err)
		os.Exit(1)
	}
}
