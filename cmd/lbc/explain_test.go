package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestExplanationsAreAsRecorded(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]string{
		"explain-group":    "explain ingress front -n shop -f ../../examples/shop.yaml",
		"explain-service":  "explain svc/echo -n nlb -f ../../examples/nlb.yaml",
		"explain-settings": "explain ingress web/settings -f testdata/settings.yaml",
		"request-forward":  "explain ingress shop/front -f ../../examples/shop.yaml --request https://shop.example.com/cart",
		"request-redirect": "explain ing shop/front -f ../../examples/shop.yaml --request http://shop.example.com/cart?x=1",
		"request-default":  "explain ingress/web/settings -f testdata/settings.yaml --request http://api.example.com/none",
		"request-header":   "explain ingress/web/settings -f testdata/settings.yaml --request http://api.example.com/v1/x -H X-Env:dev",
		"request-refused":  "explain ingress/web/settings -f testdata/settings.yaml --request http://api.example.com:8081/",
		"request-shut":     "explain ingress/web/settings -f testdata/settings.yaml --request http://api.example.com/v1/x --from 203.0.113.9",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _, err := lbc(t, "", strings.Fields(args)...)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, name+".txt", out)
		})
	}
}

func TestAnExplanationForProgramsNamesSourcesAndTheWinningRule(t *testing.T) {
	t.Parallel()
	args := strings.Fields("explain ingress shop/front -f ../../examples/shop.yaml --request https://shop.example.com/preview -o ")
	var got struct {
		LoadBalancer struct {
			Fields []struct{ Name, Value, Source string }
		}
		Request struct {
			Tried []struct{ Rule, Owner, Failed string }
		}
	}
	for format, decode := range map[string]func([]byte, any) error{
		"json": json.Unmarshal,
		"yaml": func(b []byte, v any) error { return yaml.Unmarshal(b, v) },
	} {
		out, _, err := lbc(t, "", append(args[:len(args):len(args)], format)...)
		if err != nil {
			t.Fatal(err)
		}
		if err := decode([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		tried := got.Request.Tried
		if len(tried) != 1 || tried[0].Failed != "" || tried[0].Owner != "Ingress shop/preview" {
			t.Errorf("%s: tried %+v", format, tried)
		}
		if f := got.LoadBalancer.Fields[1]; f.Name != "scheme" || !strings.Contains(f.Source, "alb.ingress.kubernetes.io/scheme] of Ingress shop/preview") {
			t.Errorf("%s: field %+v", format, f)
		}
	}
}

func TestWrongUseOfExplainIsExplained(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"explain ingress shop -f ../../examples/shop.yaml", "Ingress default/shop is not found: there is shop/front, shop/preview; -n chooses the namespace"},
		{"explain ingress shop", "give manifests with -f, or a cluster with --kubeconfig"},
		{"explain pod shop -f ../../examples/shop.yaml", `"pod" cannot be explained: write ingress or service`},
		{"explain shop -f ../../examples/shop.yaml", "name the kind and the object"},
		{"explain svc shop/blue -f ../../examples/shop.yaml", "shop/blue is not ours"},
		{"explain svc nlb/echo -f ../../examples/nlb.yaml --request http://x/", "a network load balancer has no rules"},
		{"explain ingress shop/front -f ../../examples/shop.yaml --request /cart", "write it as 'GET https://shop.example.com/path'"},
		{"explain ingress shop/front -f ../../examples/shop.yaml --request http://x/ -H nonsense", "write it as 'Name: value'"},
		{"explain ingress shop/front -f ../../examples/shop.yaml --from nowhere", "--from: "},
	} {
		_, _, err := lbc(t, "", strings.Fields(c.args)...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("lbc %s: %v, want %q", c.args, err, c.want)
		}
	}
}

func TestAnInvalidIngressIsExplainedByItsFindings(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, badIngress, "explain", "ingress", "shop", "-f", "-")
	var code exitCode
	if !errors.As(err, &code) || code != exitInvalid {
		t.Errorf("error = %v", err)
	}
	for _, want := range []string{"cannot be built as it is", "unknown scheme: publik", "did you mean alb.ingress.kubernetes.io/target-type?"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if _, _, err := lbc(t, badIngress, "explain", "ingress", "shop", "-f", "-", "--request", "http://x/"); err == nil || !strings.Contains(err.Error(), "publik") {
		t.Errorf("error = %v", err)
	}
}

func TestShellsCompleteObjectsAndFormats(t *testing.T) {
	t.Parallel()
	for args, want := range map[string][]string{
		"__complete explain ": {"ingress", "service"},
		"__complete explain -f ../../examples/shop.yaml -n shop ingress ":      {"front", "preview"},
		"__complete explain -f ../../examples/shop.yaml -n elsewhere ingress ": {":4"},
		"__complete plan -o ": {"text", "json", "yaml", "stack"},
		"__complete lint -o ": {"github"},
	} {
		out, _, err := lbc(t, "", append(strings.Fields(args), "")...)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains("\n"+out, "\n"+w+"\n") {
				t.Errorf("%s: %q is missing in %q", args, w, out)
			}
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		out, _, err := lbc(t, "", "completion", shell)
		if err != nil || !strings.Contains(out, "lbc") {
			t.Errorf("%s: %v", shell, err)
		}
	}
}
