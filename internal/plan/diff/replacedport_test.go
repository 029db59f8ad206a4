package diff

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// The members of a group, by their target groups. Each has a rule to it on its ports.
const (
	memberA = "a/one-one:80"
	memberB = "b/two-two:80"
	memberC = "c/three-three:80"
)

// withPorts is a load balancer whose listeners have rules to target groups: "80 a b, 443 c". A port with a * redirects.
func withPorts(t *testing.T, id stack.ID, text string) *stack.Stack {
	t.Helper()
	byName := map[string]string{"a": memberA, "b": memberB, "c": memberC}
	s := testStack(memberA, memberB, memberC)
	s.Key.ID = id
	listener := s.Listeners[0]
	s.Listeners, s.Rules, s.SecurityGroups[0].Ingress = nil, nil, nil
	used := map[string]bool{}
	for _, one := range strings.Split(text, ", ") {
		words := strings.Fields(one)
		port, err := strconv.Atoi(strings.TrimSuffix(words[0], "*"))
		if err != nil {
			t.Fatal(err)
		}
		l := listener
		l.ID, l.Port = words[0], int32(port)
		if strings.HasSuffix(words[0], "*") {
			l.ID, l.DefaultActions = fmt.Sprint(port), []stack.Action{{Type: stack.ActionRedirect, Redirect: &stack.Redirect{
				Port: "443", Protocol: "HTTPS", StatusCode: "HTTP_301"}}}
		}
		s.Listeners = append(s.Listeners, l)
		s.SecurityGroups[0].Ingress = append(s.SecurityGroups[0].Ingress, stack.Permission{Protocol: "tcp",
			FromPort: l.Port, ToPort: l.Port, CIDR: "0.0.0.0/0"})
		for n, name := range words[1:] {
			used[byName[name]] = true
			s.Rules = append(s.Rules, testRule(port, n+1, byName[name], byName[name]))
		}
	}
	s.TargetGroups = slices.DeleteFunc(s.TargetGroups, func(g stack.TargetGroup) bool { return !used[g.ID] })
	s.Bindings = slices.DeleteFunc(s.Bindings, func(b stack.Binding) bool { return !used[b.TargetGroup.ID] })
	tags := func(id string) map[string]string {
		return naming.Tracking(stack.Ingress, "demo", s.Key.ID.String(), id)
	}
	for i := range s.Listeners {
		s.Listeners[i].Tags = tags(s.Listeners[i].ID)
	}
	for i := range s.Rules {
		s.Rules[i].Tags = tags(s.Rules[i].ID)
	}
	for i := range s.TargetGroups {
		s.TargetGroups[i].Tags = tags(s.TargetGroups[i].ID)
	}
	s.LoadBalancers[0].Tags, s.SecurityGroups[0].Tags = tags(stack.LoadBalancerIdentity), tags(stack.ManagedSecurityGroup)
	return s
}

// ports are the listeners that are observed with the members that have rules there, and the ports that are open.
func ports(o awsop.Observed) string {
	names, groups := map[string]string{memberA: "a", memberB: "b", memberC: "c"}, map[string]string{}
	for _, g := range o.TargetGroups {
		groups[g.ARN] = g.ID
	}
	out, open := []string{}, map[string]bool{}
	for _, l := range o.Listeners {
		text := fmt.Sprint(l.Port)
		if l.DefaultActions[0].Redirect != nil {
			text += "*"
		}
		var on []string
		for _, r := range o.Rules {
			if r.Listener.Literal == l.ARN {
				on = append(on, names[groups[awsop.TargetGroupsOf(r.Actions)[0].Literal]])
			}
		}
		slices.Sort(on)
		out = append(out, strings.Join(append([]string{text}, on...), " "))
	}
	for _, g := range o.SecurityGroups {
		for _, p := range g.Ingress {
			open[fmt.Sprint(p.FromPort)] = true
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ") + "; open " + strings.Join(slices.Sorted(maps.Keys(open)), " ")
}

// TestMovedPortWaitsForItsSuccessor moves members from one port to another. While AWS refuses the new listener or a
// rule of it, what those served before stays, and the edits of the others are carried out. Then nothing is left.
func TestMovedPortWaitsForItsSuccessor(t *testing.T) {
	t.Parallel()
	group := stack.ID{Name: "front"}
	for name, c := range map[string]struct{ before, after, refused, meanwhile string }{
		"the only one of its port": {"80 a, 8080 b", "443 a, 8080 b", "CreateListener 443",
			"80 a, 8080 b; open 443 80 8080"},
		"beside others":       {"80 a b", "443 a, 80 b", "CreateListener 443", "80 a b; open 443 80"},
		"its rule is refused": {"80 a b", "443 a, 80 b", "CreateRule 443:1", "443, 80 a b; open 443 80"},
		"another one leaves": {"80 a b, 8080 c", "443 a, 8080 b c", "CreateListener 443",
			"80 a, 8080 b c; open 443 80 8080"},
		"another one leaves a shared port": {"80 a b c, 8080 b", "443 a, 80 c, 8080 b", "CreateListener 443",
			"80 a c, 8080 b; open 443 80 8080"},
		"another one goes":       {"80 a b", "443 a", "CreateListener 443", "80 a; open 443 80"},
		"another one moves away": {"80 a b", "443 a, 444 b", "CreateListener 443", "444 b, 80 a; open 443 444 80"},
		"another one moves":      {"80 a, 81 b", "443 a, 444 b", "CreateListener 443", "444 b, 80 a; open 443 444 80"},
		"it redirects":           {"80 a b", "443 a b, 80*", "CreateListener 443", "80 a b; open 443 80"},
		"it is removed":          {"80 a b", "443 b, 80 b", "CreateListener 443", "80 b; open 443 80"},
	} {
		for _, id := range []stack.ID{group, {Namespace: "shop", Name: "web"}} {
			if id != group && strings.Contains(name, "another one") {
				continue // of one object, all of a port waits
			}
			f := newFake(stack.Key{Owner: stack.Ingress, ID: id})
			f.run(t, Stack(withPorts(t, id, c.before), stack.Keep{}, f.obs, Options{}))
			for range 2 { // again, it is refused
				p := Stack(withPorts(t, id, c.after), stack.Keep{}, f.obs, Options{})
				for i, s := range p.Steps {
					if string(s.ID) == c.refused {
						p.Steps[i].Guard = &plan.Guard{}
					}
				}
				f.run(t, p)
				if got := ports(f.obs); got != c.meanwhile {
					t.Errorf("%s, %s: refused: %s, want %s\n%s", name, id, got, c.meanwhile, p.Text(plan.TextOptions{}))
				}
			}
			p := Stack(withPorts(t, id, c.after), stack.Keep{}, f.obs, Options{})
			f.run(t, p)
			fresh := newFake(stack.Key{Owner: stack.Ingress, ID: id})
			fresh.run(t, Stack(withPorts(t, id, c.after), stack.Keep{}, fresh.obs, Options{}))
			if got, want := ports(f.obs), ports(fresh.obs); got != want {
				t.Errorf("%s, %s: at last: %s, want %s\n%s", name, id, got, want, p.Text(plan.TextOptions{}))
			}
			if p := Stack(withPorts(t, id, c.after), stack.Keep{}, f.obs, Options{}); len(p.Steps) > 0 {
				t.Errorf("%s, %s: the next plan:\n%s", name, id, p.Text(plan.TextOptions{}))
			}
		}
	}
}

// TestRulesOfAMissingPortStay has a port that cannot be made now, such as one without certificate, and no memory of
// where its members served.
func TestRulesOfAMissingPortStay(t *testing.T) {
	t.Parallel()
	id := stack.ID{Name: "front"}
	f := newFake(stack.Key{Owner: stack.Ingress, ID: id})
	f.run(t, Stack(withPorts(t, id, "80 a b c"), stack.Keep{}, f.obs, Options{}))
	want := withPorts(t, id, "443 a, 80 b")
	want.Listeners, want.Rules = want.Listeners[1:], want.Rules[1:]
	keep := stack.Keep{Resources: []stack.Ref{listenerRef("443")}}
	for range 2 {
		f.run(t, Stack(want, keep, f.obs, Options{}))
		if got := ports(f.obs); got != "80 a b; open 443 80" {
			t.Error(got)
		}
	}
}
