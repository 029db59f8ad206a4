package annotation

import (
	"maps"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestLabelsThatNoNodeCanCarryAreRefused(t *testing.T) {
	t.Parallel()
	for raw, c := range map[string]struct {
		want map[string]string
		says string
	}{
		"pool=web, node.kubernetes.io/kind=": {map[string]string{"pool": "web", "node.kubernetes.io/kind": ""}, ""},
		"pool=a b":                           {nil, "pool=a b cannot be a label"},
		"my pool=a":                          {nil, "my pool=a cannot be a label"},
		"pool":                               {nil, "is not a list of key=value pairs"},
	} {
		f := &Findings{}
		got := NewReader(f, diag.Object{Kind: "Service", Name: "web"}, map[string]string{string(ServiceNodeLabels): raw}).
			Labels(ServiceNodeLabels)
		if list := f.List(); !maps.Equal(got.Value, c.want) || (len(list) > 0) != (c.says != "") || c.says != "" &&
			!strings.Contains(list[0].Message(), c.says) {
			t.Errorf("%q: %v, %v", raw, got.Value, list)
		}
	}
}
