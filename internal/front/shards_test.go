package front

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/compile/shard"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

var group = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}

// standing are the hosts of the rules in AWS, by stack.
type standing map[stack.Key][]string

func (s standing) Answer(_ context.Context, needs []facts.Need) (facts.Facts, error) {
	var f facts.Facts
	for _, n := range needs {
		key, err := stack.ParseKey(n.Key)
		if n.Kind != facts.NeedStackDetails || err != nil {
			continue
		}
		if s == nil {
			f.Errors = map[facts.Need]error{n: errors.New("denied")}
			continue
		}
		f.Details = &facts.LoadBalancerDetails{
			Rules: map[int32][]stack.Rule{80: {{Conditions: []stack.Condition{{Field: stack.HostHeader, Values: s[key]}}}}}}
	}
	return f, nil
}

// hosts is an input of a group with members that have a route for each host.
func hosts(shards int, members ...[]string) Input {
	w := Input{Declared: true, Shards: shards, LoadBalancer: intent.LoadBalancer{Key: group, Type: stack.Application,
		Names: ingress.Names{}}}
	for i, all := range members {
		o := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint(i)}}
		m := intent.Member{Object: diag.Object{Kind: "Ingress", Namespace: "shop", Name: o.Name}}
		for _, h := range all {
			m.Routes = append(m.Routes, intent.Route{
				Conditions: []stack.Condition{{Field: stack.HostHeader, Values: []string{h}}}})
		}
		w.Members, w.LoadBalancer.Members = append(w.Members, o), append(w.LoadBalancer.Members, m)
	}
	return w
}

func nothing(stack.Key) *compile.Memory { return nil }

func TestWithoutACheckpointHostsAreWhereTheirRulesStand(t *testing.T) {
	t.Parallel()
	s := Shards{Facts: standing{group: {"A.example"}, ShardKey(group, 1): {"b.example", "gone.example"}}, Memory: nothing}
	w := hosts(2, []string{"a.example", "b.example", "new.example"})
	p, err := s.Place(t.Context(), group, w, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	here, elsewhere := p.HostsOn(1)
	if len(here) != 1 || !here["b.example"] || len(elsewhere) != 2 {
		t.Errorf("placement %+v", p)
	}
	if _, err := (Shards{Facts: standing(nil), Memory: nothing}).Place(t.Context(), group, w, nil, false); err == nil {
		t.Error("hosts are placed although the rules in AWS cannot be read")
	}
	w.LoadBalancer.Unseen = &intent.Unseen{Namespace: "shop"}
	if p, err = s.Place(t.Context(), group, w, nil, false); err != nil ||
		!slices.ContainsFunc(p, func(x shard.Placed) bool { return x.Hosts[0] == "gone.example" && x.Shard == 1 }) {
		t.Errorf("with members that cannot be seen: %+v, %v", p, err)
	}
}

func TestAHostOfTheLastGoodVersionKeepsItsLoadBalancer(t *testing.T) {
	t.Parallel()
	w := hosts(2, []string{"a.example"})
	m := &w.LoadBalancer.Members[0]
	good := quarantine.Versions{m.Object: &hosts(1, []string{"a.example", "b.example"}).LoadBalancer.Members[0]}
	s := Shards{Facts: standing{}, Memory: func(key stack.Key) *compile.Memory {
		if key == ShardKey(group, 1) {
			return &compile.Memory{Good: good}
		}
		return nil
	}}
	before := shard.Placement{{Hosts: []string{"a.example"}}, {Hosts: []string{"b.example"}, Shard: 1}}
	for _, invalid := range []bool{true, false} {
		m.Former = invalid
		if p, err := s.Place(t.Context(), group, w, before, true); err != nil || p.Uses(1) != invalid {
			t.Errorf("invalid %v: %+v, %v", invalid, p, err)
		}
	}
}

func TestShardWithoutHostsEndsWithItsFinalizers(t *testing.T) {
	t.Parallel()
	first, second := group, ShardKey(group, 1)
	w := hosts(2, []string{"a.example", "b.example"}, []string{"c.example"})
	w.Members[0].SetFinalizers([]string{naming.Finalizer(first), naming.Finalizer(second)})
	p := shard.Placement{{Hosts: []string{"a.example"}}, {Hosts: []string{"b.example"}}, {Hosts: []string{"c.example"}}}
	if part := w.Part(second, p); part.Declared || len(part.Leaving) != 1 || len(part.Emptied) != 1 || part.Nothing() {
		t.Errorf("%+v", part)
	}
	p[1].Shard = 1
	part := w.Part(second, p)
	if !part.Declared || part.LoadBalancer.Key != second || len(part.LoadBalancer.Members) != 2 ||
		len(part.LoadBalancer.Members[0].Routes) != 1 || len(part.Findings) > 0 {
		t.Errorf("%+v", part)
	}
	part = w.Part(first, p)
	if len(part.Findings) != 1 || part.Findings[0].Code != diag.SeveralLoadBalancers ||
		part.Findings[0].Object.Name != "0" {
		t.Errorf("found %v", part.Findings)
	}
	if n := part.ShardOf(w.Members[0], "b.example"); n != 1 || part.ShardOf(w.Members[0], "") != 0 {
		t.Errorf("b.example is on %d", n)
	}
	if !w.Sharded(first) || !w.Sharded(second) || hosts(1, nil).Sharded(first) {
		t.Error("which groups may have several load balancers")
	}
	w.Shards = 1
	if !w.Sharded(first) {
		t.Error("a group that has two has one")
	}
}

func TestAnEventOfAMemberConcernsEachLoadBalancerOfItsGroup(t *testing.T) {
	t.Parallel()
	three, sixteen := int32(3), int32(16)
	for _, c := range []struct {
		shards *int32
		name   string
		want   int
	}{{nil, "front", 1}, {&three, "front", 3}, {&sixteen, "front", 16},
		{&three, "a-name-of-a-group-that-leaves-no-room-for-the-number-of-a-shard", 1}} {
		snapshot := objects.Snapshot{}
		params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
		params.Spec.Group = &v1beta1.IngressGroup{Name: c.name, Shards: c.shards}
		class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
			Controller: "ingress.k8s.aws/alb",
			Parameters: &networkingv1.IngressClassParametersReference{Kind: "IngressClassParams", Name: "p"}}}
		group := "elbv2.k8s.aws"
		class.Spec.Parameters.APIGroup = &group
		name := "alb"
		i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
			Spec: networkingv1.IngressSpec{IngressClassName: &name}}
		snapshot.Put(params)
		snapshot.Put(class)
		snapshot.Put(i)
		f := Ingress{}
		v := objects.New(snapshot)
		keys, d := StacksOf(f, v, i)
		if len(keys) != c.want || d != nil {
			t.Errorf("%d stacks, want %d: %v, %v", len(keys), c.want, keys, d)
		}
		for _, key := range keys {
			if w := f.Load(v, key.ID); len(w.Members) != 1 || w.Shards != c.want {
				t.Errorf("%s: %d members, %d load balancers", key, len(w.Members), w.Shards)
			}
		}
	}
}

func TestMovedHostIsNotReportedAsLeftOut(t *testing.T) {
	t.Parallel()
	member := func(name string) intent.Member {
		return intent.Member{Object: diag.Object{Kind: "Ingress", Namespace: "shop", Name: name}, Routes: []intent.Route{
			{Conditions: []stack.Condition{{Field: stack.HostHeader, Values: []string{name + ".example"}}}}}}
	}
	first := 0
	w := Input{Group: []intent.Member{member("stays"), member("moves")}, Placement: shard.Placement{
		{Hosts: []string{"stays.example"}}, {Hosts: []string{"moves.example"}, Shard: 1, From: &first}}}
	found := diag.List{
		{Object: member("stays").Object, Code: diag.QuotaExceeded}, {Object: member("moves").Object,
			Code: diag.QuotaExceeded}, {Object: member("moves").Object, Code: diag.CertificateNotFound},
	}
	for n, want := range []int{2, 3} { // on the one that it leaves, and on its new one
		key := stack.Key{Owner: stack.Ingress, ID: naming.ShardID(group.ID, n)}
		if got := w.Lasting(key, found); len(got) != want {
			t.Errorf("load balancer %d: %v", n, got)
		}
	}
	w.Placement[1].From = nil
	if got := w.Lasting(group, found); len(got) != 3 {
		t.Errorf("once it has moved: %v", got)
	}
}
