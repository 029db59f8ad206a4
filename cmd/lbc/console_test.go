package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/console"
)

// consoleOf is the source of a console of files in the built-in account.
func consoleOf(t *testing.T, args ...string) *consoleSource {
	t.Helper()
	var o consoleOptions
	o.flags(&cobra.Command{})
	if err := o.commandLine.Parse(args); err != nil {
		t.Fatal(err)
	}
	o.allNamespaces = !o.given("namespace")
	s := &consoleSource{options: &o, now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }}
	if err := s.read(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func TestTheConsoleShowsTheLoadBalancersOfFiles(t *testing.T) {
	t.Parallel()
	s := consoleOf(t, "-f", "../../examples/shop.yaml", "-f", "../../examples/nlb.yaml")
	got, err := s.Overview(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	byKey := map[string]console.Summary{}
	for _, lb := range got.LoadBalancers {
		byKey[lb.Key] = lb
	}
	shop, nlb := byKey["ingress.k8s.aws:shop"], byKey["service.k8s.aws:nlb/echo"]
	if shop.Type != "application" || shop.State != "not created" || strings.Join(shop.Listeners, ", ") !=
		"HTTP 80, HTTPS 443" || len(shop.Objects) != 2 || shop.Changes == 0 || shop.Errors != 0 {
		t.Errorf("%+v", shop)
	}
	if nlb.Type != "network" || nlb.Kind != "Service" || got.Account != "built into lbc, simulated" {
		t.Errorf("%+v of %+v", nlb, got)
	}
	d, err := s.LoadBalancer(t.Context(), shop.Key)
	if err != nil || len(d.Ports) != 2 || len(d.Steps) != shop.Changes || len(d.TargetGroups) == 0 || len(d.Fields) == 0 {
		t.Fatalf("%v: %+v", err, d)
	}
	groups := map[string]bool{}
	for _, tg := range d.TargetGroups {
		groups[tg.ID] = strings.HasPrefix(tg.Backend, "Service shop/")
	}
	shares := 0
	for _, r := range d.Ports[1].Rules {
		for _, x := range r.Shares {
			if shares++; !groups[x.TargetGroup] {
				t.Errorf("rule %s forwards to %s, which is none of %v", r.ID, x.TargetGroup, groups)
			}
		}
	}
	if last := d.Ports[1].Rules[len(d.Ports[1].Rules)-1]; shares < 3 || last.Priority != "default" ||
		d.Ports[1].Rules[0].Priority != "new" {
		t.Errorf("%d shares, %+v", shares, d.Ports[1].Rules)
	}
	if _, err := s.LoadBalancer(t.Context(), "ingress.k8s.aws:none"); !errors.Is(err, console.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestTheConsoleShowsWhyARequestGetsItsAnswer(t *testing.T) {
	t.Parallel()
	s := consoleOf(t, "-f", "../../examples/shop.yaml", "-f", "../../examples/nlb.yaml")
	ask := console.Question{Key: "ingress.k8s.aws:shop", Request: "GET http://shop.example.com/preview",
		From: "198.51.100.7", Follow: true}
	w, err := s.Ask(t.Context(), ask)
	if err != nil || !strings.Contains(w.Result, "answer 301") || w.Next == nil || !strings.Contains(w.Next.Result,
		"forward to") || len(w.Next.TargetGroups) != 1 {
		t.Errorf("%v: %+v", err, w)
	}
	for name, tt := range map[string]struct {
		q    console.Question
		want error
	}{
		"a client without an address": {console.Question{Key: ask.Key, Request: ask.Request, From: "nowhere"},
			console.ErrInvalid},
		"no URL": {console.Question{Key: ask.Key, Request: "GET ://", From: ask.From},
			console.ErrInvalid},
		"a network load balancer": {console.Question{Key: "service.k8s.aws:nlb/echo", Request: ask.Request,
			From: ask.From}, console.ErrInvalid},
		"none": {console.Question{Key: "x:y", Request: ask.Request, From: ask.From},
			console.ErrNotFound},
	} {
		if _, err := s.Ask(t.Context(), tt.q); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConsoleKeepsLastStateIfReadFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shop, err := os.ReadFile("../../examples/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write("shop.yaml", string(shop))
	s := consoleOf(t, "-f", dir)
	count := func(fresh bool) (int, string) {
		o, err := s.Overview(t.Context(), fresh)
		if err != nil {
			t.Fatal(err)
		}
		return len(o.LoadBalancers), o.Problem
	}
	nlb, err := os.ReadFile("../../examples/nlb.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write("nlb.yaml", string(nlb))
	if n, _ := count(false); n != 1 {
		t.Errorf("%d before it is read again", n)
	}
	if n, problem := count(true); n != 2 || problem != "" {
		t.Errorf("%d, %q", n, problem)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if n, problem := count(true); n != 2 || !strings.Contains(problem, "no such file") {
		t.Errorf("%d, %q", n, problem)
	}
}

func TestTheConsoleListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", ":8080", "192.0.2.1:80", "[::]:0", "example.com:80"} {
		if _, _, err := lbc(t, "", "console", "-f", "../../examples/shop.yaml", "--listen", address); err == nil ||
			!strings.Contains(err.Error(), "only on loopback addresses") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestTheConsoleServesUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	var o consoleOptions
	o.flags(&cobra.Command{})
	o.listen, o.files = "127.0.0.1:0", []string{"../../examples/shop.yaml"}
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- o.run(ctx, w, io.Discard, strings.NewReader("")) }()
	var line [64]byte
	n, err := r.Read(line[:])
	if err != nil || !bytes.HasPrefix(line[:n], []byte("http://127.0.0.1:")) {
		t.Errorf("%q: %v", line[:n], err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestConsoleShowsPlanOfLoadBalancerObject(t *testing.T) {
	t.Parallel()
	s := newWaitScene(t)
	lb := s.lb("v", "v")
	lb.Status.LastPlan = &v1alpha1.PlanStatus{Time: metav1.NewTime(told), Summary: "1 to change", Result: "Failed",
		Steps: []string{"update LoadBalancer shop/web (scheme)"}}
	s.put(lb)
	key, err := stack.ParseKey("ingress.k8s.aws:shop/web")
	if err != nil {
		t.Fatal(err)
	}
	got := lastPlans(t.Context(), &source{kube: s.kube}, key)
	if len(got) != 1 || !got[0].Time.Equal(told) || got[0].Summary != "1 to change" || got[0].Result != "Failed" ||
		len(got[0].Steps) != 1 {
		t.Errorf("%+v", got)
	}
	key.ID.Name = "other"
	if got := lastPlans(t.Context(), &source{kube: s.kube}, key); len(got) != 0 {
		t.Errorf("the plan of another load balancer: %+v", got)
	}
	if got := lastPlans(t.Context(), &source{}, key); got == nil || len(got) != 0 {
		t.Errorf("of files: %v", got)
	}
}

func TestPlansOfAnnotationsAreShownPlainAndPacked(t *testing.T) {
	t.Parallel()
	const gateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: NAME, namespace: shop, annotations: {gateway.k8s.aws/dry-run-planHOW: PLAN}}
spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}
`
	file := filepath.Join(t.TempDir(), "gateways.yaml")
	packed := "H4sIAAAAAAAC/6tWykxRslJQKs5IrFKqBQDX8cGHDgAAAA==" // not the text below, and damaged
	text := ""
	for _, g := range [][3]string{{"plain", "", `'{"id":"shop/plain"}'`}, {"packed", "-gzip", packed}} {
		text += "---" + strings.NewReplacer("NAME", g[0], "HOW", g[1], "PLAN", g[2]).Replace(gateway)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := consoleOf(t, "-f", file).Plans(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%v: %+v", err, all)
	}
	for _, p := range all {
		if plain := p.Name == "plain"; !p.Gateway || plain != (string(p.Plan) == `{"id":"shop/plain"}`) ||
			plain == strings.Contains(p.Problem, "dry-run-plan-gzip") {
			t.Errorf("%+v", p)
		}
	}
}
