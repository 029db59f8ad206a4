package front

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/awssim"
	simaccount "github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// written is a simulated account to which the stacks of a scene are written, as the controller does.
type written struct {
	*rapid.T
	sim   *awssim.Simulator
	clock *clock.Stepped
	inv   *inventory.Inventory
	cfg   compile.Config

	mutex    sync.Mutex
	bindings map[string]stack.Binding
}

// leftToAWS are the refusals that no table foresees by design: whether something exists in the account, and attributes
// that AWS may have added since.
var leftToAWS = []string{"InvalidPrefixListI", "CertificateNotFound", "attribute key"}

// unforeseen are refusals that could be in a table of package constraint.
var unforeseen = []string{
	"EnablePrefixForIpv6SourceNat",
	"dualstack-without-public-ipv4", // an internal load balancer
}

// among reports whether a refusal has one of some texts.
func among(texts []string, refusal string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(refusal, text) })
}

func newWritten(rt *rapid.T) *written {
	rt.Helper()
	w := &written{T: rt, clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
		bindings: map[string]stack.Binding{}, cfg: compiling()}
	var err error
	if w.sim, err = awssim.New(awssim.Options{Clock: w.clock}); err != nil {
		rt.Fatal(err)
	}
	w.cfg.VPC, w.cfg.BackendSecurityGroup = w.sim.Seed().VPC.ID, "sg-0a1de000000000002"
	for arn, domains := range map[string][]string{accountCertificate: {"a.test", "*.a.test"}, otherCertificate: {"b.test",
		"*.test"}} {
		w.sim.Account.AddCertificate(&simaccount.Certificate{ARN: arn, Domain: domains[0], AlternativeNames: domains,
			Status: "ISSUED", Type: "AMAZON_ISSUED", KeyAlgorithm: "RSA_2048"})
	}
	w.inv = inventory.New(w.clients(), inventory.Config{Cluster: w.cfg.Cluster, VPC: w.cfg.VPC, Now: w.clock.Now,
		AddOnTimeout: time.Minute})
	return w
}

func (w *written) clients() awsclient.Clients {
	return awsclient.Clients{ELBV2: w.sim.Balancing, EC2: w.sim.Compute, ACM: w.sim.Trust, STS: w.sim.Identity,
		WAFv2: w.sim.Firewall, Shield: w.sim.Shield, Route53: w.sim.Names}
}

// pass compiles the objects and writes the stack until nothing is left to do.
func (w *written) pass(s served, before *compile.Memory) *compile.Memory {
	w.Helper()
	f := Recalling(s.f, before, nil)
	for range 20 {
		input := f.Load(objects.FromObjects(s.list()), s.key.ID).Governed(s.key, before)
		result, _, err := Compiler{w.inv, w.cfg}.Compile(context.Background(), s.key, input, before)
		if err != nil {
			w.Fatal(err)
		}
		c := compiled{input, result}
		s.show(c)
		if c.Stack == nil || w.write(s, c) {
			return carried(w, cmp.Or(c.Memory, before))
		}
		before = carried(w, cmp.Or(c.Memory, before))
	}
	w.Fatalf("does not settle: %s", s.text())
	return nil
}

// carried is a memory as a checkpoint has it.
func carried(t interface{ Fatal(...any) }, m *compile.Memory) *compile.Memory {
	if m == nil {
		return nil
	}
	out := &compile.Memory{}
	text, err := json.Marshal(m)
	if err != nil || json.Unmarshal(text, out) != nil {
		t.Fatal(err, string(text))
	}
	return out
}

// write makes one pass over a stack, and fails if AWS refuses a write. It reports whether nothing is left to do.
func (w *written) write(s served, c compiled) (done bool) {
	w.Helper()
	ctx := context.Background()
	observed, err := w.inv.Observed(ctx, s.key, c.Stack)
	if err != nil {
		w.Fatal(err)
	}
	observed.Bindings = w.bound(s.key)
	var namespaces []string
	for _, m := range c.Members {
		namespaces = append(namespaces, m.GetNamespace())
	}
	p := diff.Stack(c.Stack, c.Keep, observed, c.Options(s.key.Owner, diff.Options{Namespaces: namespaces}))
	var mark uint64
	if last := w.sim.Gate.Calls(gate.Filter{Limit: 1}); len(last) > 0 {
		mark = last[0].Number
	}
	r := apply.Run(ctx, p, apply.Deps{Clients: w.clients(), Inventory: w.inv, Bindings: w, Now: w.clock.Now})
	for _, call := range w.sim.Gate.Calls(gate.Filter{After: mark, Failed: true}) {
		if awsclient.IsRead(call.Action) {
			continue
		}
		if among(slices.Concat(leftToAWS, unforeseen), call.Code+" "+call.Message) {
			w.Skip(call.Message)
		}
		text, _ := json.Marshal(call.Input)
		w.Fatalf("AWS refuses %s: %s %s\n%s\nfindings %v\n%s", call.Action, call.Code, call.Message, text, c.Diagnostics,
			s.text())
	}
	pause := time.Millisecond
	until, waits := r.Wait()
	if waits {
		pause = max(pause, until.Sub(w.clock.Now()))
	}
	w.clock.Advance(pause)
	return p.Empty() || !waits && !slices.ContainsFunc(p.Steps, func(step plan.Step) bool { return step.Guard == nil })
}

// answer is what the load balancer of the stack's type does with a request: target groups by identity, or a status.
func (w *written) answer(r traffic.Request) string {
	held := w.sim.Resources()
	for _, lb := range held.LoadBalancers {
		for _, l := range lb.Listeners {
			if l.Port != r.Port {
				continue
			}
			var rules []stack.Rule
			var defaults []stack.Action
			for n, rule := range l.Rules {
				if rule.Priority == "default" {
					defaults = rule.Actions
					continue
				}
				rules = append(rules, stack.Rule{Order: int32(n), Conditions: rule.Conditions, Actions: rule.Actions,
					Transforms: rule.Transforms})
			}
			r.SourceIP = netip.MustParseAddr("198.51.100.7")
			d := traffic.Match(rules, defaults, r)
			action, _ := d.Routing()
			switch {
			case action.FixedResponse != nil:
				return action.FixedResponse.StatusCode
			case action.Redirect != nil:
				return "to " + action.Redirect.Host
			case action.Forward == nil || len(action.Forward.TargetGroups) == 0:
				return string(action.Type)
			}
			out := ""
			for _, g := range action.Forward.TargetGroups {
				out += g.TargetGroup.Literal + ";"
			}
			return out
		}
	}
	return "no listener"
}

// keeps writes a scene, and then edits, one after the other. AWS refuses no write, and no request that had an answer
// loses it.
func (w *written) keeps(s served, edits []edit, ask []traffic.Request) {
	w.Helper()
	s = s.copied()
	memory := w.pass(s, nil)
	was := map[string]string{}
	for _, r := range ask {
		was[fmt.Sprint(r)] = w.answer(r)
	}
	asked := false
	for _, e := range edits {
		s = s.copied()
		e.make(s)
		asked = asked || e.asks
		memory = w.pass(s, memory)
		for _, r := range ask {
			before, is := was[fmt.Sprint(r)], w.answer(r)
			if !asked && !lost(before) && lost(is) && !mayGet(edits, is) {
				w.Fatalf("%s: %s %d %s%s gets %q, before %q; of\n%s", e.name, r.Method, r.Port, r.Host, r.Path, is, before,
					s.text())
			}
		}
	}
}

func (w *written) CreateBinding(_ context.Context, o stack.Binding) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if _, exists := w.bindings[o.Namespace+"/"+o.Name]; exists {
		return fmt.Errorf("%w: %s", apply.ErrBindingExists, o.Name)
	}
	w.bindings[o.Namespace+"/"+o.Name] = o
	return nil
}

func (w *written) UpdateBinding(_ context.Context, o stack.Binding) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.bindings[o.Namespace+"/"+o.Name] = o
	return nil
}

func (w *written) ReleaseBinding(_ context.Context, namespace, name string, labels []string) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if o, ok := w.bindings[namespace+"/"+name]; ok {
		o.Labels = maps.Clone(o.Labels)
		for _, k := range labels {
			delete(o.Labels, k)
		}
		w.bindings[namespace+"/"+name] = o
	}
	return nil
}

func (w *written) DeleteBinding(_ context.Context, namespace, name string) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	delete(w.bindings, namespace+"/"+name)
	return nil
}

func (w *written) bound(key stack.Key) (out []awsop.Binding) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, name := range slices.Sorted(maps.Keys(w.bindings)) {
		o := w.bindings[name]
		o.ID = ""
		ours := true
		for k, v := range naming.Labels(key) {
			ours = ours && o.Labels[k] == v
		}
		if ours {
			out = append(out, awsop.Binding{Binding: o})
		}
	}
	return out
}

// TestEditsOfIngressesAreNotRefused writes drawn groups of Ingresses and their edits to a simulated account.
func TestEditsOfIngressesAreNotRefused(t *testing.T) {
	t.Parallel()
	all := readUnfit(t)
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		s := of.servedIngresses()
		var edits []edit
		for range rapid.IntRange(1, 2).Draw(rt, "edits") {
			edits = append(edits, of.editOfGroup(s, all))
		}
		w := newWritten(rt)
		defer func() { _ = w.sim.Close() }()
		w.keeps(s, edits, requests(80, 443))
	})
}

// TestLoginStaysWhileItIsInvalid edits an Ingress with a login, whose Secret cannot be read after the edit, or whose
// auth-type is misspelt, also beside an edit of its backends.
func TestLoginStaysWhileItIsInvalid(t *testing.T) {
	t.Parallel()
	annotate := func(from, to string) func(map[string]string) {
		return func(of map[string]string) {
			of[ofALB+"auth-idp-oidc"] = strings.ReplaceAll(of[ofALB+"auth-idp-oidc"], from, to)
		}
	}
	missing, other := annotate(`"idp"`, `"missing"`), annotate("https://i.test", "https://other.test")
	misspelt := func(of map[string]string) { of[ofALB+"auth-type"] = "odic" }
	key := func(of map[string]string) {
		delete(of, ofALB+"auth-type")
		of[ofALB+"auth-tpye"] = "oidc"
	}
	backend := func(_ map[string]string, ing *networkingv1.Ingress) {
		for i := range ing.Spec.Rules {
			if svc := ing.Spec.Rules[i].HTTP.Paths[0].Backend.Service; svc.Name == "web" {
				svc.Name = "api"
			}
		}
	}
	edits := map[string][]func(of map[string]string, ing *networkingv1.Ingress){
		"another Secret": {func(of map[string]string, _ *networkingv1.Ingress) { missing(of) }},
		"another provider": {func(of map[string]string, _ *networkingv1.Ingress) {
			missing(of)
			other(of)
		}},
		"session": {func(of map[string]string, _ *networkingv1.Ingress) {
			missing(of)
			of[ofALB+"auth-session-timeout"] = "60"
		}},
		"a backend after that": {func(of map[string]string, _ *networkingv1.Ingress) { missing(of) }, backend},
		"a misspelt type": {func(of map[string]string, ing *networkingv1.Ingress) {
			misspelt(of)
			backend(of, ing)
		}},
		"a backend after a misspelt type": {func(of map[string]string, _ *networkingv1.Ingress) { misspelt(of) }, backend},
		"a misspelt key": {func(of map[string]string, ing *networkingv1.Ingress) {
			key(of)
			backend(of, ing)
		}},
	}
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		s := of.servedIngresses()
		ing := sceneObject[*networkingv1.Ingress](s, "Ingress/one")
		maps.Copy(ing.Annotations, map[string]string{ofALB + "listen-ports": `[{"HTTPS":443}]`,
			ofALB + "certificate-arn": accountCertificate, ofALB + "auth-type": "oidc", ofALB + "auth-idp-oidc": sceneLogin})
		ing.Spec.DefaultBackend = ing.Spec.Rules[0].HTTP.Paths[0].Backend.DeepCopy()
		what := of.pick("edit", slices.Sorted(maps.Keys(edits))...)
		var all []edit
		for n, change := range edits[what] {
			all = append(all, edit{name: fmt.Sprint(what, " ", n), make: func(s served) {
				ing := sceneObject[*networkingv1.Ingress](s, "Ingress/one")
				change(ing.Annotations, ing)
			}})
		}
		w := newWritten(rt)
		defer func() { _ = w.sim.Close() }()
		w.keeps(s, all, requests(443))
		logins := 0
		for _, lb := range w.sim.Resources().LoadBalancers {
			for _, l := range lb.Listeners {
				for _, rule := range l.Rules {
					if rule.Priority != "default" && !slices.ContainsFunc(rule.Conditions, func(c stack.Condition) bool {
						return slices.Contains(c.Values, victims[0])
					}) {
						continue
					}
					has := func(kind stack.ActionType) bool {
						return slices.ContainsFunc(rule.Actions, func(a stack.Action) bool { return a.Type == kind })
					}
					if login := has(stack.ActionAuthenticateOIDC); login {
						logins++
					} else if has(stack.ActionForward) {
						rt.Fatalf("%s: open: %+v", what, rule)
					}
				}
			}
		}
		if logins < 3 { // of two paths, and the default backend
			rt.Fatalf("%s: %d logins", what, logins)
		}
	})
}

// TestEditsOfServicesAreNotRefused does the same with Services of network load balancers.
func TestEditsOfServicesAreNotRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		s := of.servedService()
		var edits []edit
		for range rapid.IntRange(1, 2).Draw(rt, "edits") {
			edits = append(edits, of.editOfService(s))
		}
		var ask []traffic.Request
		for _, port := range servicePorts {
			ask = append(ask, traffic.Request{Port: port})
		}
		w := newWritten(rt)
		defer func() { _ = w.sim.Close() }()
		w.keeps(s, edits, ask)
	})
}

var servicePorts = []int32{80, 81, 90, 91, 100, 101, 110, 111}
