package compile_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestAMegabyteOfAnIngressIsRefusedAlone has a tenant write the largest Ingress that the API server takes, in the ways
// that multiply: it is told, and the other member of its group is served.
func TestAMegabyteOfAnIngressIsRefusedAlone(t *testing.T) {
	t.Parallel()
	paths := func(n int, format string) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf(format, i))
		}
		return out
	}
	text := func(v any) string {
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	hosts := text([]any{map[string]any{"field": "host-header", "hostHeaderConfig": map[string]any{
		"values": paths(10_000, "h%d.example.com")}}})
	var headers []any
	for i := range 2_500 {
		headers = append(headers, map[string]any{"field": "http-header", "httpHeaderConfig": map[string]any{
			"httpHeaderName": fmt.Sprintf("h%d", i), "values": []string{"a"}}})
	}
	var groups []any
	for i := range 4_000 {
		groups = append(groups, map[string]any{"serviceName": fmt.Sprintf("s%d", i), "servicePort": 80, "weight": 1})
	}
	split := text([]any{map[string]any{"field": "host-header", "hostHeaderConfig": map[string]any{
		"values": paths(290, "h%d.example.com")}}})
	for _, c := range []struct {
		name  string
		notes notes
		paths []string
	}{
		{"paths of a host", nil, paths(9_000, "a.example.com Exact /p%d web:80")},
		{"hosts", nil, paths(9_000, "h%d.example.com Prefix / web:80")},
		{"condition values times paths", notes{"conditions.web": hosts}, paths(8_000, "a.example.com Exact /p%d web:80")},
		{"conditions times paths", notes{"conditions.web": text(headers)}, paths(8_000, "a.example.com Exact /p%d web:80")},
		{"rules of a path times paths", notes{"conditions.web": split}, paths(8_000, "a.example.com Exact /p%d web:80")},
		{"target groups times paths",
			notes{
				"actions.web": text(map[string]any{"type": "forward", "forwardConfig": map[string]any{"targetGroups": groups}})},
			paths(7_000, "a.example.com Exact /p%d web:use-annotation")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			objects := append(surroundings(), ing("big", and(group("g"), c.notes), c.paths...),
				ing("sound", group("g"), "sound.example.com Exact / web:80"))
			out := scenario{Account: "lab", Limits: ruleLimit(100)}.run(t, objects)
			if len(out) != 1 || out[0].Desired == nil || len(out[0].Desired.Rules) == 0 {
				t.Errorf("nothing is built: %.2000s", tell(out))
			}
			if text := tell(out); !strings.Contains(text, "the object has more than 5000 rules on port 80") {
				t.Errorf("the findings are: %.2000s", text)
			}
		})
	}
}
