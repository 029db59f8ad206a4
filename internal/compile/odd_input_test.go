package compile_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestAnAnnotationOfAMegabyteIsAnswered gives each annotation a value of a megabyte, of a few shapes.
func TestAnAnnotationOfAMegabyteIsAnswered(t *testing.T) {
	t.Parallel()
	const megabyte = 1 << 20
	shapes := []string{
		strings.Repeat("[", megabyte), strings.Repeat("k=v,", megabyte/4), strings.Repeat("10.0.0.0/8,", megabyte/11),
		"[" + strings.Repeat(`{"HTTP":80},`, megabyte/12) + `{"HTTP":80}]`,
	}
	s := scenario{Account: "lab"}
	for _, e := range annotation.Entries() {
		if e.Scope != annotation.OnIngress && e.Scope != annotation.OnBoth {
			continue
		}
		suffix := strings.TrimPrefix(string(e.Key), annotation.IngressPrefix)
		if e.Family != "" {
			suffix += map[annotation.Key]string{annotation.ListenerAttributes: "HTTP-80", annotation.TargetControlPort: "web.80",
				annotation.Actions: "go"}[e.Key]
			suffix = strings.TrimSuffix(suffix+"web", "webweb")
		}
		t.Run(suffix, func(t *testing.T) {
			t.Parallel()
			for _, value := range shapes {
				for _, o := range s.run(t, append(surroundings(), ing("x", notes{suffix: value}, all, "b Prefix / go:use-annotation"))) {
					for _, d := range o.Diagnostics {
						if len(d) > 4096 {
							t.Errorf("a finding has %d bytes: %.200s", len(d), d)
						}
					}
				}
			}
		})
	}
}

// ruleLimit is a limit of an account.
func ruleLimit(n int) map[string]int {
	return map[string]int{"rules-per-application-load-balancer": n}
}

// FuzzAnyIngressCompiles gives an Ingress any text in an annotation, a host, a path and a port's name, in a group with
// a sound member: nothing panics, whoever wants nothing is told why, and the sound member is served.
func FuzzAnyIngressCompiles(f *testing.F) {
	for i, e := range annotation.Entries() {
		f.Add(uint8(i), "web", e.Example, "a.example.com", "/x", "http")
	}
	for _, odd := range []string{"", "\xff\xfe", "\x00", "*", "?", "\\", "{}", "[]", "[null]", "null", `[{"HTTP":null}]`,
		`{"type":"forward","forwardConfig":{"targetGroups":[null]}}`, `{"type":"redirect"}`,
		`[{"field":"host-header"}]`,
		`[{"type":"url-rewrite","urlRewriteConfig":{"rewrites":[{"regex":"(","replace":"$9"}]}}]`, "ｓｔｒａｎｇｅ", "a=b,=c,",
		"0x10", "+1", "-0", "1e3", "1_000"} {
		for _, k := range []uint8{0, 19, 30, 31, 32, 60} {
			f.Add(k, odd, odd, odd, odd, odd)
		}
	}
	entries := annotation.Entries()
	f.Fuzz(func(t *testing.T, which uint8, rest, value, host, path, portName string) {
		e := entries[int(which)%len(entries)]
		key := string(e.Key)
		if e.Family != "" {
			key += rest
		}
		kind := networkingv1.PathTypeImplementationSpecific
		odd := ing("odd", group("g"), all, "b Exact /b go:use-annotation", "c Exact /c web:http")
		odd.Annotations[key] = value
		odd.Spec.Rules[0].Host = host
		odd.Spec.Rules[0].HTTP.Paths[0].Path, odd.Spec.Rules[0].HTTP.Paths[0].PathType = path, &kind
		odd.Spec.Rules[2].HTTP.Paths[0].Backend.Service.Port.Name = portName
		sound := ing("sound", and(group("g"), notes{"group.order": "-1000"}), "sound.example.com Prefix / web:80")
		out := scenario{Account: "lab"}.run(t, append(surroundings(), sound, odd))
		served := false
		for _, o := range out {
			if o.Desired == nil && len(o.Diagnostics) == 0 {
				t.Errorf("%s wants nothing and nobody says why", o.Stack)
			}
			for _, d := range o.Diagnostics {
				if !utf8.ValidString(d) {
					t.Errorf("a finding is no text: %q", d)
				}
			}
			if o.Desired != nil {
				served = served || strings.Contains(tell([]outcome{o}),
					"host-header=sound.example.com path-pattern=/* → forward shop/sound-web:80")
				check(t, o.Desired)
			}
		}
		if !served {
			t.Errorf("the sound member is not served:\n%s", tell(out))
		}
	})
}

// check is what AWS would otherwise be the first to say.
func check(t *testing.T, s *stack.Stack) {
	t.Helper()
	for _, l := range s.Listeners {
		if l.Port < 1 || len(l.DefaultActions) == 0 {
			t.Errorf("listener %s on port %d with %d default actions", l.ID, l.Port, len(l.DefaultActions))
		}
	}
	for _, r := range s.Rules {
		if len(r.Actions) == 0 || len(r.Conditions) == 0 {
			t.Errorf("rule %s has %d conditions and %d actions", r.ID, len(r.Conditions), len(r.Actions))
		}
	}
}

func TestManyListenPorts(t *testing.T) {
	t.Parallel()
	for ports, refused := range map[int]string{
		1000:   "ports 51-1000 have no listener: an application load balancer allows 50 listeners",
		10_000: "10000 ports: AWS allows 50 listeners of a load balancer by default, and at most 1000 ports are read",
	} {
		var list []string
		for n := range ports {
			list = append(list, fmt.Sprintf(`{"HTTP":%d}`, n+1))
		}
		objects := append(surroundings(), ing("x", notes{"listen-ports": "[" + strings.Join(list, ",") + "]"},
			"h.example.com Prefix / web:80"))
		var told string
		for _, o := range (scenario{Account: "lab"}).run(t, objects) {
			told += strings.Join(o.Diagnostics, "\n")
		}
		if !strings.Contains(told, refused) {
			t.Errorf("%d ports: %s", ports, told)
		}
	}
}
