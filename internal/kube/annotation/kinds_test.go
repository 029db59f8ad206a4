package annotation

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestExamplesAreOfTheKindOfTheMistake spoils the examples of JSON annotations in three ways. The remedy of each is the
// example of the same kind.
func TestExamplesAreOfTheKindOfTheMistake(t *testing.T) {
	t.Parallel()
	web := diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}
	for _, e := range Entries() {
		if e.Syntax != JSON || e.Scope == Written {
			continue
		}
		examples := []string{e.Example}
		for _, kind := range kinds[e.Key] {
			examples = append(examples, kind[1])
		}
		for _, example := range examples {
			for what, spoilt := range map[string]string{"cut": example[:len(example)-1],
				"without quotes": strings.ReplaceAll(example, `":"`, `":`),
				"as YAML":        strings.NewReplacer(`"`, "", ",", ", ", ":", ": ").Replace(example)} {
				if spoilt == example {
					continue // it has no texts
				}
				k, f := e.Key, &Findings{}
				if strings.HasSuffix(string(k), ".") {
					k = k.For("x")
				}
				Unmarshal[any](NewReader(f, web, map[string]string{string(k): spoilt}), k)
				if found := f.List(); len(found) != 1 || !strings.HasSuffix(found[0].Remedy, example) {
					t.Errorf("%s: %s %s: %v, want %s", k, what, spoilt, found, example)
				}
			}
		}
	}
}
