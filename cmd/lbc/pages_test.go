package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/hack/pages"
	"github.com/k8s-lbc/lbc/hack/pages/usage"
)

const repository = "../.."

func TestCommandsOfThePagesAreThoseOfTheProgram(t *testing.T) {
	t.Parallel()
	for _, err := range usage.Wrong(os.DirFS(repository), rootCommand) {
		t.Error(err)
	}
}

// TestAPIServerStoresManifestsOfPages lints the manifests of each page together, as they
// may depend on each other.
func TestAPIServerStoresManifestsOfPages(t *testing.T) {
	t.Parallel()
	all, err := pages.Read(os.DirFS(repository))
	if err != nil {
		t.Fatal(err)
	}
	linted := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		manifests, first := "", 0
		for _, b := range pages.Blocks(all[name]) {
			if (b.Language == "yaml" || b.Language == "") && strings.Contains("\n"+b.Text, "\napiVersion: ") {
				manifests += "---\n" + b.Text
				if first == 0 {
					first = b.Line
				}
				linted++
			}
		}
		if manifests == "" {
			continue
		}
		args := []string{"lint", "--strict", "-"}
		if strings.Contains(manifests, "\nkind: GlobalAccelerator\n") { // which are served with their gate only
			args = append(args, "--feature-gates=GlobalAcceleratorController=true")
		}
		if out, errOut, err := lbc(t, manifests, args...); err != nil {
			t.Errorf("%s, from line %d: %v\n%s%s", name, first, err, out, errOut)
		}
	}
	if linted < 8 {
		t.Errorf("the pages have %d blocks of manifests", linted)
	}
}
