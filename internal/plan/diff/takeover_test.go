package diff

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// secured is testStack("/a") with an HTTPS listener that has certificates.
func secured(certificates ...string) *stack.Stack {
	s := testStack("/a")
	s.Listeners = append(s.Listeners, s.Listeners[0])
	l := &s.Listeners[1]
	l.ID, l.Port, l.Protocol, l.SSLPolicy, l.Certificates = "443", 443, "HTTPS", "p1", certificates
	if len(certificates) > 1 {
		l.SNI = certificates[1:]
	}
	l.Tags = map[string]string{}
	for k, v := range s.Listeners[0].Tags {
		l.Tags[k] = strings.Replace(v, "80", "443", 1)
	}
	rule := testRule(443, 1, "/a", "/a")
	s.Rules = append(s.Rules, rule)
	return s
}

// redirecting is secured, with a listener 80 that redirects every request.
func redirecting() *stack.Stack {
	s := secured("c1")
	s.Listeners[0].DefaultActions = []stack.Action{
		{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Port: "443", Protocol: "HTTPS", StatusCode: "HTTP_301"}}}
	s.Rules = slices.DeleteFunc(s.Rules, func(r stack.Rule) bool { return r.Listener.ID == "80" })
	return s
}

// without runs a plan of which some steps fail, and all that need them.
func (f *fakeAWS) without(t failer, p plan.Plan, fails func(plan.Step) bool) (failed bool) {
	t.Helper()
	p.Steps = slices.Clone(p.Steps)
	for i := range p.Steps {
		if fails(p.Steps[i]) {
			p.Steps[i].Guard, failed = &plan.Guard{}, true
		}
	}
	f.run(t, p)
	return failed
}

// attachedTo are the certificates that a listener serves, the default one first.
func (f *fakeAWS) attachedTo(port int32) []string {
	for _, l := range f.obs.Listeners {
		if l.Port == port {
			return append(slices.Clone(l.Certificates[:1]), l.SNI...)
		}
	}
	return nil
}

func TestKeptCertificatesStayAttached(t *testing.T) {
	t.Parallel()
	keep := stack.Keep{Certificates: []stack.Ref{listenerRef("443")}}
	for _, known := range [][]string{{"c4"}, {"c2"}, {"c4", "c1"}, {"c3", "c2", "c1"}} {
		f := newFake(testKey())
		f.converge(t, secured("c1", "c2", "c3"), Options{})
		writes := f.convergeKeeping(t, secured(known...), keep, Options{})
		want := []string{"c1", "c2", "c3"}
		if slices.Contains(known, "c4") {
			want = append(want, "c4")
		}
		if got := f.attachedTo(443); !slices.Equal(got, want) || writes["RemoveListenerCertificates"]+
			writes["ModifyListener"] > 0 {
			t.Errorf("known %v: %v by %v", known, got, writes)
		}
		shown := Effective(secured(known...), keep, f.obs)
		if at := shown.Listeners[1]; at.Certificates[0] != "c1" || len(at.Certificates) != len(want) {
			t.Errorf("known %v is shown as %v", known, at.Certificates)
		}
		f.converge(t, secured(known...), Options{})
		if got := slices.Compact(slices.Sorted(slices.Values(f.attachedTo(443)))); !slices.Equal(got,
			slices.Sorted(slices.Values(known))) {
			t.Errorf("once all are known: %v, want %v", got, known)
		}
	}
}

// TestNothingGoesIfItsSuccessorFails has each step that adds something fail, in edits that replace something.
func TestNothingGoesIfItsSuccessorFails(t *testing.T) {
	t.Parallel()
	named := func(ids ...string) *stack.Stack {
		s := testStack("/a")
		s.LoadBalancers[0].SecurityGroups = nil
		for _, id := range ids {
			s.LoadBalancers[0].SecurityGroups = append(s.LoadBalancers[0].SecurityGroups,
				stack.Literal(stack.KindSecurityGroup, id))
		}
		s.SecurityGroups = nil
		s.Bindings[0].Networking = nil
		return s
	}
	ranges := func(cidrs ...string) *stack.Stack {
		s := testStack("/a")
		s.SecurityGroups[0].Ingress = nil
		for _, c := range cidrs {
			s.SecurityGroups[0].Ingress = append(s.SecurityGroups[0].Ingress, tcpFrom(80, c))
		}
		return s
	}
	for _, c := range []struct {
		name     string
		from, to *stack.Stack
		fails    string // operation
		never    []string
	}{
		{"certificate", secured("c1", "c2"), secured("c1", "c3"), "AddListenerCertificates",
			[]string{"RemoveListenerCertificates"}},
		{"default certificate", secured("c1", "c2"), secured("c3", "c2"), "ModifyListener", nil},
		{"certificate that becomes default", secured("c1", "c2"), secured("c2", "c3"), "ModifyListener",
			[]string{"RemoveListenerCertificates"}},
		{"default certificate that stays attached", secured("c1"), secured("c2", "c1"), "AddListenerCertificates",
			[]string{"ModifyListener"}},
		{"redirect to a new listener", testStack("/a"), redirecting(), "CreateListener",
			[]string{"ModifyListener", "DeleteRule"}},
		{"redirect", secured("c1"), redirecting(), "ModifyListener", []string{"DeleteRule"}},
		{"source range", ranges("0.0.0.0/0"), ranges("10.0.0.0/8", "192.0.2.0/24"), "AuthorizeSecurityGroupIngress",
			[]string{"RevokeSecurityGroupIngress"}},
		{"security groups", named("sg-1"), testStack("/a"), "AuthorizeSecurityGroupIngress", []string{"SetSecurityGroups"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, c.from, Options{})
			p, before := Stack(c.to, stack.Keep{}, f.obs, Options{}), map[string]int{}
			for k, v := range f.writes {
				before[k] = v
			}
			if !f.without(t, p, func(s plan.Step) bool { return plan.NameOf(s.Op) == c.fails }) {
				t.Fatalf("no step %s:\n%s", c.fails, p.Text(plan.TextOptions{}))
			}
			for _, op := range c.never {
				if f.writes[op] > before[op] {
					t.Errorf("%s although %s failed:\n%s", op, c.fails, p.Text(plan.TextOptions{}))
				}
			}
			f.converge(t, c.to, Options{})
		})
	}
}

// TestPortsCloseThoughAnotherPortCannotOpen closes one port and gives another one other sources.
func TestPortsCloseThoughAnotherPortCannotOpen(t *testing.T) {
	t.Parallel()
	s := testStack("/a")
	s.SecurityGroups[0].Ingress = []stack.Permission{tcpFrom(80, "0.0.0.0/0"), tcpFrom(443, "0.0.0.0/0")}
	f := newFake(testKey())
	f.converge(t, s, Options{})
	s.SecurityGroups[0].Ingress = []stack.Permission{tcpFrom(80, "10.0.0.0/8"), tcpFrom(8443, "10.0.0.0/8")}
	f.without(t, Stack(s, stack.Keep{}, f.obs, Options{}), func(s plan.Step) bool {
		op, opens := s.Op.(awsop.AuthorizeSecurityGroupIngress)
		return opens && op.Permissions[0].FromPort == 80
	})
	var open []stack.Permission
	for _, g := range f.obs.SecurityGroups {
		if g.ID == stack.ManagedSecurityGroup {
			open = g.Ingress
		}
	}
	want := []stack.Permission{tcpFrom(80, "0.0.0.0/0"), tcpFrom(8443, "10.0.0.0/8")}
	if !slices.Equal(open, want) {
		t.Errorf("open: %v, want %v", open, want)
	}
}

// TestListenersWaitForOneThatCannotBeMade edits ports while the certificates of a new one are not known.
func TestListenersWaitForOneThatCannotBeMade(t *testing.T) {
	t.Parallel()
	keep := stack.Keep{Resources: []stack.Ref{listenerRef("443")}}
	for name, edit := range map[string]func(*stack.Stack){
		"it redirects": func(s *stack.Stack) { s.Listeners = s.Listeners[:1] },
		"it goes": func(s *stack.Stack) {
			s.Listeners = nil
			s.SecurityGroups[0].Ingress = []stack.Permission{tcpFrom(443, "0.0.0.0/0")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, testStack("/a"), Options{})
			want := redirecting()
			want.Rules = nil
			edit(want)
			writes := f.convergeKeeping(t, want, keep, Options{})
			for _, op := range []string{"ModifyListener", "DeleteListener", "DeleteRule", "RevokeSecurityGroupIngress"} {
				if writes[op] > 0 {
					t.Errorf("%s: %v", op, writes)
				}
			}
			f.converge(t, redirecting(), Options{})
		})
	}
}

// TestNoReplacementWithoutWhatIsNotKnown edits the scheme while certificates are not known.
func TestNoReplacementWithoutWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]stack.Keep{
		"listener":     {Resources: []stack.Ref{listenerRef("443")}},
		"certificates": {Certificates: []stack.Ref{listenerRef("443")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, secured("c1", "c2"), Options{})
			want := secured("c1")
			want.LoadBalancers[0].Scheme, want.LoadBalancers[0].Name = stack.Internal, "k8s-shop-webfront-internal"
			p := Stack(want, keep, f.obs, Options{})
			if len(p.Steps) != 1 || p.Steps[0].Guard == nil || p.Steps[0].Guard.Code != diag.ReplacementRefused ||
				!strings.Contains(p.Steps[0].Guard.Text, "listener 443") {
				t.Error(p.Text(plan.TextOptions{}))
			}
		})
	}
}
