package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/tagkey"
)

// forged are tags that say that a resource is of another stack, is the backend group, or is retained.
var forged = map[string]string{
	"team": "mal", "service.k8s.aws/stack": "vic/db", "service.k8s.aws/resource": "LoadBalancer",
	"elbv2.k8s.aws/resource": "backend-sg",
	"elbv2.k8s.aws/retained": "true", "elbv2.k8s.aws/cluster": "other", "Ingress.k8s.aws/stack ": "vic/web",
	"kubernetes.io/cluster/demo": "owned",
}

// tagsOf are the tags of all resources of a stack.
func tagsOf(s *stack.Stack) (out []map[string]string) {
	for _, x := range s.LoadBalancers {
		out = append(out, x.Tags)
	}
	for _, x := range s.Listeners {
		out = append(out, x.Tags)
	}
	for _, x := range s.Rules {
		out = append(out, x.Tags)
	}
	for _, x := range s.TargetGroups {
		out = append(out, x.Tags)
	}
	for _, x := range s.SecurityGroups {
		out = append(out, x.Tags)
	}
	return out
}

func TestReservedTagsAreNotWritten(t *testing.T) {
	t.Parallel()
	a := attachedRoute("a", 0)
	a.Routes[0].Tags = forged
	for _, action := range a.Routes[0].Actions {
		for _, b := range action.Backends {
			b.TargetGroup.Tags = forged
		}
	}
	e := gatewayOf(stack.Application, a)
	e.Members[0].Settings.Tags = map[string]intent.Field[string]{}
	for k, v := range forged {
		e.Members[0].Settings.Tags[k] = set(&e.Members[0], "tags", v)
	}
	for name, strict := range map[string]bool{"": false, "strict groups": true} {
		cfg := config()
		cfg.StrictGroups, cfg.DefaultTags = strict, forged
		r := Compile(e, account(), cfg, nil)
		s := mustBuild(t, r)
		tracking := naming.Tracking(s.Key.Owner, s.Cluster, s.Key.ID.String(), "")
		for _, tags := range tagsOf(s) {
			for _, k := range tagkey.Refused(tags, nil) {
				if _, own := tracking[k]; !own && (k != naming.BackendResourceTag || len(tags) != 3) {
					t.Errorf("%s: %v has %s", name, tags, k)
				}
			}
			if v := tags[naming.ClusterTag]; v != s.Cluster {
				t.Errorf("%s: the cluster of %v", name, tags)
			}
		}
		found := 0
		for _, d := range r.Diagnostics {
			if d.Code == diag.ReservedTag {
				found++
			}
		}
		if found < len(forged)-1 {
			t.Errorf("%s: %d findings of %d keys: %v", name, found, len(forged)-1, r.Diagnostics)
		}
		kept := r.Keep.Tags
		if slices.Contains(kept, naming.RetainedTag) || slices.Contains(kept, naming.ClusterTag) ||
			!slices.Contains(kept, "service.k8s.aws/stack") || !slices.Contains(kept, "kubernetes.io/cluster/demo") {
			t.Errorf("%s: keys that stay in AWS: %v", name, kept)
		}
	}
}

// TestTagsThatSelectAreOfAdministrators has keys by which other controllers select security groups, as Karpenter does
// for new nodes.
func TestTagsThatSelectAreOfAdministrators(t *testing.T) {
	t.Parallel()
	const key = "karpenter.sh/discovery"
	of := diag.Object{Kind: "LoadBalancerConfiguration", Namespace: "infra", Name: "class"}
	own := func(m *intent.Member) intent.Field[string] { return set(m, "tags", "demo") }
	gateway := func(change func(*intent.Member)) intent.LoadBalancer {
		e := gatewayOf(stack.Application, attachedRoute("a", 0))
		change(&e.Members[0])
		return e
	}
	alone := func(change func(*intent.Member)) intent.LoadBalancer { return loadBalancer(ingress("n", "a", change)) }
	part := func(value string) func(*intent.Member) {
		return func(m *intent.Member) {
			m.Routes[0].Actions[0].Backends[0].TargetGroup.Tags = map[string]string{key: value}
		}
	}
	for name, c := range map[string]struct {
		e       intent.LoadBalancer
		byFlag  bool
		tagged  string // kinds of resources with the tag
		refused bool
	}{
		"an Ingress": {e: alone(func(m *intent.Member) {
			part("demo")(m)
			put(&m.Settings.Tags, key, own(m))
		}), refused: true},
		"a Service of an Ingress": {e: alone(part("demo")), refused: true},
		"class parameters": {e: alone(func(m *intent.Member) {
			part("demo")(m)
			put(&m.Settings.Tags, key, byClass("demo"))
		}), tagged: "balancer group listener rule targets"},
		"class parameters, and another value of a Service": {e: alone(func(m *intent.Member) {
			part("evil")(m)
			put(&m.Settings.Tags, key, byClass("demo"))
		}), tagged: "balancer group listener rule", refused: true},
		"a flag": {e: alone(func(*intent.Member) {}), byFlag: true, tagged: "balancer group listener rule targets"},
		"a Gateway": {e: gateway(func(m *intent.Member) {
			put(&m.Settings.Tags, key, intent.Of("demo", intent.At(of, "spec.tags["+key+"]")))
		}), refused: true},
		"the class of a Gateway": {e: gateway(func(m *intent.Member) {
			m.ClassConfiguration = intent.At(of, "spec")
			put(&m.Settings.Tags, key, intent.Of("demo", intent.At(of, "spec.tags["+key+"]")))
		}), tagged: "balancer group listener"},
		"a frontend": {e: alone(func(m *intent.Member) {
			m.Settings.Frontend.Enabled = set(m, "enable-frontend-nlb", true)
			m.Settings.Frontend.Tags = set(m, "frontend-nlb-tags", map[string]string{key: "demo"})
		}), refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config()
			cfg.Gates.ListenerRulesTagging = true
			if c.byFlag {
				cfg.DefaultTags = map[string]string{key: "demo"}
			}
			r := Compile(c.e, account(), cfg, nil)
			s := mustBuild(t, r)
			managed := slices.IndexFunc(s.SecurityGroups, func(g stack.SecurityGroup) bool { return !g.Shared })
			for kind, tags := range map[string]map[string]string{"balancer": s.LoadBalancers[len(s.LoadBalancers)-1].Tags,
				"group": s.SecurityGroups[managed].Tags, "listener": s.Listeners[0].Tags,
				"rule": s.Rules[0].Tags, "targets": s.TargetGroups[0].Tags} {
				if has := tags[key] != ""; has != strings.Contains(c.tagged, kind) || has && tags[key] != "demo" {
					t.Errorf("%s: %v", kind, tags)
				}
			}
			told := slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
				return d.Code == diag.ReservedTag && strings.Contains(d.Text, "other controllers")
			})
			if told != c.refused || slices.Contains(r.Keep.Tags, key) != c.refused {
				t.Errorf("refused: %t, %v; in AWS stay %v", told, r.Diagnostics, r.Keep.Tags)
			}
		})
	}
}

// withTags has a member declare so many tags.
func withTags(n int) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Settings.Tags = map[string]intent.Field[string]{}
		for i := range n {
			m.Settings.Tags[fmt.Sprintf("%s%02d", m.Object.Name, i)] = set(m, "tags", "x")
		}
	}
}

// TestTagsOfAMemberTakeNoRoomOfOthers has two members that together declare more tags than AWS allows of a resource.
func TestTagsOfAMemberTakeNoRoomOfOthers(t *testing.T) {
	t.Parallel()
	web, evil := ingress("shop", "web", born(1), withTags(20)), ingress("mal", "evil", born(2), withTags(40))
	cfg := config()
	cfg.Gates.ListenerRulesTagging = true
	r := Compile(loadBalancer(evil, web), account(), cfg, nil)
	s := mustBuild(t, r)
	shared := []map[string]string{s.LoadBalancers[0].Tags}
	for _, l := range s.Listeners {
		shared = append(shared, l.Tags)
	}
	for _, g := range s.SecurityGroups {
		if !g.Shared {
			shared = append(shared, g.Tags)
		}
	}
	for _, tags := range shared {
		own := 0
		for i := range 20 {
			if tags[fmt.Sprintf("web%02d", i)] == "x" {
				own++
			}
		}
		if len(tags) != mostTags || own != 20 {
			t.Errorf("%d tags, %d of web: %v", len(tags), own, tags)
		}
	}
	same(t, "findings", codes(r.Diagnostics), []string{"evil QuotaExceeded"})
}
