package parity

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/plan"
)

// TestAfterAnyEditARestartedControllerFindsNothingToDo edits generated groups by chance, for better and for worse.
// After each edit what is wanted is deployed; then a controller that knows nothing must find everything in place.
// Between edits it may forget, too.
func TestAfterAnyEditARestartedControllerFindsNothingToDo(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 2))
			l, r := newLab(t), generate(random)
			var story []string
			invalid, written := 0, 0
			for n := range 7 {
				if n > 0 {
					story = append(story, change(random, r))
				}
				done := l.settle(r)
				written += len(done)
				for range 2 {
					for _, s := range l.plans(r) {
						if s.Diagnostics.HasErrors() {
							invalid++
						}
						if len(s.Plan.Steps) > 0 {
							t.Fatalf("after %s\nthere is still to do:\n%s", strings.Join(story, "\n"), s.Plan.Text(plan.TextOptions{}))
						}
					}
					l.restart()
				}
				if n%2 == 0 {
					l.settle(r) // the next edit meets a controller that knows what is there
				}
			}
			t.Logf("%d writes, %d plans with an invalid member, edits:\n%s", written, invalid, strings.Join(story, "\n"))
			if written == 0 {
				t.Error("nothing was ever deployed")
			}
		})
	}
}

// broken are annotations that make an Ingress invalid, or some of its paths.
var broken = []struct{ key, value string }{
	{"healthcheck-interval-seconds", "soon"}, {"target-type", "moon"}, {"listen-ports", `[{"HTTP":99999}]`},
	{"group.order", "first"},
	{"actions.teapot", `{"type":"fixed-response"`},
	{"actions.split", `{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"nobody","servicePort":"80"}]}}`},
	{"conditions.teapot", `[{"field":"moon-phase"}]`}, {"backend-protocol", "SMTP"}, {"tags", "team"},
	{"certificate-arn", "arn:aws:nothing"},
}

// change edits one object by chance, and tells what it did.
func change(r *rand.Rand, c *cluster) string {
	var ingresses, services []tree
	for _, o := range c.Objects {
		switch o["kind"] {
		case "Ingress":
			ingresses = append(ingresses, o)
		case "Service":
			services = append(services, o)
		}
	}
	i := ingresses[r.IntN(len(ingresses))]
	name := sub(i, "metadata")["name"]
	annotations := sub(sub(i, "metadata"), "annotations")
	const prefix = "alb.ingress.kubernetes.io/"
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	set := func(key, value string) string {
		annotations[prefix+key] = value
		return fmt.Sprintf("%s: %s = %s", name, key, value)
	}
	switch r.IntN(10) {
	case 0, 1, 9:
		b := broken[r.IntN(len(broken))]
		if _, kept := annotations["was/"+b.key]; !kept {
			annotations["was/"+b.key], _ = annotations[prefix+b.key].(string)
		}
		return set(b.key, b.value)
	case 2, 3: // what was broken is mended
		for _, b := range broken {
			was, ok := annotations["was/"+b.key].(string)
			if !ok {
				continue
			}
			delete(annotations, "was/"+b.key)
			if was == "" {
				delete(annotations, prefix+b.key)
				return fmt.Sprintf("%s: without %s", name, b.key)
			}
			return set(b.key, was)
		}
		return set("healthcheck-path", one("/", "/ready"))
	case 4:
		return set("group.order", strconv.Itoa(r.IntN(5)))
	case 5:
		return set("healthcheck-interval-seconds", one("10", "25"))
	case 6:
		rules, _ := sub(i, "spec")["rules"].([]any)
		rule, _ := rules[r.IntN(len(rules))].(tree)
		h := sub(rule, "http")
		paths, _ := h["paths"].([]any)
		if len(paths) > 1 && r.IntN(2) == 0 {
			h["paths"] = paths[1:]
			return fmt.Sprintf("%s: without its first path of %v", name, rule["host"])
		}
		path := one("/new", "/a/b/c", "/*x")
		h["paths"] = append(paths, tree{"path": path, "pathType": "Prefix", "backend": tree{
			"service": tree{"name": one("web", "api", "nobody"), "port": tree{"name": "http"}}}})
		return fmt.Sprintf("%s: path %s", name, path)
	case 7:
		s := services[r.IntN(len(services))]
		ports, _ := sub(s, "spec")["ports"].([]any)
		port, _ := ports[0].(tree)
		port["targetPort"] = 8000 + r.IntN(100)
		if family := one("", "IPv4", "IPv6"); family != "" {
			for _, s := range services { // AWS allows no forward to several families, which the action "split" would be
				sub(s, "spec")["ipFamilies"] = []any{family}
			}
		}
		text, _ := json.Marshal(sub(s, "spec"))
		return fmt.Sprintf("Service %v: %s", sub(s, "metadata")["name"], text)
	default:
		if _, grouped := annotations[prefix+"group.name"]; grouped && len(ingresses) > 1 {
			for n, o := range c.Objects {
				if o["kind"] == "Ingress" && sub(o, "metadata")["name"] == name {
					c.Objects = append(c.Objects[:n:n], c.Objects[n+1:]...)
					break
				}
			}
			return fmt.Sprintf("%s: deleted", name)
		}
		return set("load-balancer-attributes", one("idle_timeout.timeout_seconds=30", "routing.http2.enabled=false"))
	}
}
