package intent

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestShownHasNoGoSyntax(t *testing.T) {
	t.Parallel()
	for want, value := range map[string]any{
		"a":                     "a",
		"true":                  true,
		"a, b":                  []string{"a", "b"},
		"a=1, b=":               map[string]string{"b": "", "a": "1"},
		"tags kind=x|y, zone=z": SubnetSelector{Tags: map[string][]string{"zone": {"z"}, "kind": {"x", "y"}}},
		"subnet-1, subnet-2":    SubnetSelector{IDsOrNames: []string{"subnet-1", "subnet-2"}},
		"subnet-3":              []stack.SubnetMapping{{Subnet: "subnet-3", PrivateIPv4: "10.0.0.1"}},
	} {
		if got := Shown(value); got != want {
			t.Errorf("%#v: %q, not %q", value, got, want)
		}
	}
}
