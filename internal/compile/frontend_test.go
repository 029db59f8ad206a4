package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestClassDefaultOfFrontendIsNotNotedAsIdle(t *testing.T) {
	t.Parallel()
	m := ingress("shop", "a", func(m *intent.Member) { m.Settings.Frontend.Scheme = byClass(stack.Internal) })
	if r := Compile(loadBalancer(m), account(), config(), nil); len(r.Diagnostics) > 0 {
		t.Error(told(r.Diagnostics))
	}
}

// TestAFrontendThatStaysThoughItIsSwitchedOffIsReported: what somebody else mistyped keeps a load balancer that its
// owner wants gone.
func TestAFrontendThatStaysThoughItIsSwitchedOffIsReported(t *testing.T) {
	t.Parallel()
	off := func(m *intent.Member) { m.Settings.Frontend.Enabled = set(m, "enable-frontend-nlb", false) }
	mistyped := func(m *intent.Member) {
		broken("metadata.annotations[alb.ingress.kubernetes.io/frontend-nlb-healthcheck-port]")(m)
		m.Settings.Frontend.Broken = true
	}
	const stays, waits = "is not deleted until", "is not created or changed"
	for name, c := range map[string]struct {
		a, b     []func(*intent.Member)
		frontend bool              // exists
		asks     bool              // whether it exists
		want     map[string]string // what each member is told
	}{
		"by another member": {[]func(*intent.Member){off}, []func(*intent.Member){mistyped}, true, true, map[string]string{
			"a": stays, "b": stays}},
		"by the same member": {[]func(*intent.Member){off, mistyped}, nil, true, true, map[string]string{
			"a": stays, "b": stays}},
		"where there is none": {[]func(*intent.Member){off}, []func(*intent.Member){mistyped}, false, true, map[string]string{
			"b": waits}},
		"where all is well": {[]func(*intent.Member){off}, nil, true, false, nil},
		"where somebody still asks for it": {[]func(*intent.Member){func(m *intent.Member) {
			m.Settings.Frontend.Enabled = set(m, "enable-frontend-nlb", true)
			m.Settings.Frontend.Subnets = set(m, "frontend-nlb-subnets", []string{"subnet-0a2"})
		}}, []func(*intent.Member){mistyped}, true, false, map[string]string{"b": waits}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := account()
			f.Existing = &facts.LoadBalancer{Type: stack.Application, Scheme: stack.Internal, Subnets: []string{
				"subnet-0a2", "subnet-0b2"}}
			if c.frontend {
				f.ExistingFrontend = &facts.LoadBalancer{Type: stack.Network, Scheme: stack.Internal, Subnets: []string{
					"subnet-0a2"}}
			}
			named := func(m *intent.Member) { // so that nothing else asks what exists
				m.Settings.Subnets = set(m, "subnets", intent.SubnetSelector{IDsOrNames: []string{"subnet-0a2", "subnet-0b2"}})
			}
			e := loadBalancer(ingress("n", "a", append(c.a, named)...), ingress("n", "b", c.b...))
			before := &Memory{Effect: map[string]merge.Effect{}} // so that nothing else asks what exists, either
			r := Compile(e, f, config(), before)
			mustBuild(t, r)
			got := map[string]string{}
			for _, d := range r.Diagnostics {
				for _, text := range []string{stays, waits} {
					if strings.Contains(d.Text, text) {
						got[d.Object.Name] = text
					}
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("told %v, want %v: %v", got, c.want, r.Diagnostics)
			}
			if kept := slices.Contains(r.Keep.Resources, frontendRef); kept != (len(c.want) > 0) {
				t.Errorf("kept: %t", kept)
			}
			f.ExistingKnown = false
			if asks := len(Compile(e, f, config(), before).Needs) > 0; asks != c.asks {
				t.Errorf("asks whether there is one: %t", asks)
			}
		})
	}
}
