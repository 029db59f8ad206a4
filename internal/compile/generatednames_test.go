package compile

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestGeneratedNamesCannotBeDeclared has a tenant declare the name that a victim's load balancer or target group is
// going to get.
func TestGeneratedNamesCannotBeDeclared(t *testing.T) {
	t.Parallel()
	victim := naming.IngressLoadBalancer(config().Cluster, stack.ID{Namespace: "victim", Name: "web"}, stack.Internal)
	group := naming.IngressLoadBalancer(config().Cluster, stack.ID{Name: "front"}, stack.Internal)
	own := mustBuild(t, Compile(loadBalancer(ingress("n", "a")), account(), config(), nil)).LoadBalancers[0].Name
	ownGroup := mustBuild(t, Compile(loadBalancer(ingress("n", "a")), account(), config(), nil)).TargetGroups[0].Name
	holds := func(name string) func(*facts.Facts) {
		return func(f *facts.Facts) {
			f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Name: name, Type: stack.Application, Scheme: stack.Internal,
				IPAddressType: stack.IPv4, Subnets: []string{"subnet-a", "subnet-b"}}
		}
	}
	for name, c := range map[string]struct {
		declared string
		exists   func(*facts.Facts)
		want     string
		noted    bool
	}{
		"name of a victim's load balancer":           {victim, nil, own, true},
		"name of a group's load balancer":            {group, nil, own, true},
		"name of a load balancer in front":           {naming.FrontendLoadBalancer(victim), nil, own, true},
		"capital letters, which AWS does not regard": {strings.ToUpper(victim[:4]) + victim[4:], nil, own, true},
		"own name":           {own, nil, own, false},
		"name that it has":   {victim, holds(victim), victim, false},
		"name like it":       {"k8s-shop-web", nil, "k8s-shop-web", false},
		"name of other form": {"payroll", nil, "payroll", false},
	} {
		t.Run("load balancer: "+name, func(t *testing.T) {
			t.Parallel()
			f := account()
			if c.exists != nil {
				c.exists(&f)
			}
			r := Compile(loadBalancer(ingress("n", "a", func(m *intent.Member) {
				m.Settings.Name = set(m, "load-balancer-name", c.declared)
			})), f, config(), nil)
			if got := mustBuild(t, r).LoadBalancers[0].Name; got != c.want {
				t.Errorf("name %s, want %s", got, c.want)
			}
			same(t, "findings", codes(r.Diagnostics), map[bool][]string{true: {"a IgnoredSetting"}}[c.noted])
		})
	}
	for name, c := range map[string]struct {
		declared, want string
		noted          bool
	}{
		"name of a victim's target group": {"k8s-victim-web-0123456789", ownGroup, true},
		"own name":                        {ownGroup, ownGroup, false},
		"name of other form":              {"storefront", "storefront", false},
	} {
		t.Run("target group: "+name, func(t *testing.T) {
			t.Parallel()
			r := Compile(loadBalancer(ingress("n", "a", func(m *intent.Member) {
				m.Routes[0].Actions[0].Backends[0].TargetGroup.Name = c.declared
			})), account(), config(), nil)
			if got := mustBuild(t, r).TargetGroups[0].Name; got != c.want {
				t.Errorf("name %s, want %s", got, c.want)
			}
			same(t, "findings", codes(r.Diagnostics), map[bool][]string{true: {"a IgnoredSetting"}}[c.noted])
		})
	}
}
