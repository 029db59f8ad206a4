package front

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// showing has an object show a load balancer in its status.
func showing(o metav1.Object, host string) metav1.Object {
	switch o := o.(type) {
	case *networkingv1.Ingress:
		o.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: host}}
	case *corev1.Service:
		o.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: host}}
	}
	return o
}

// shared is the name of the load balancer of group front, and other that of another one.
const (
	shared = "k8s-front-0123456789-1.us-west-2.elb.amazonaws.com"
	other  = "k8s-mal-front1-0123456789-2.us-west-2.elb.amazonaws.com"
)

// TestForgedFinalizersCountForNothing has an object of another namespace carry the finalizer of a group that it does
// not declare.
func TestForgedFinalizersCountForNothing(t *testing.T) {
	t.Parallel()
	for _, g := range []struct {
		key    stack.Key
		shards int
	}{{key: groups[0]}, {key: groups[1]}, {groups[0], 2}} {
		key := g.key
		for name, c := range map[string]struct {
			shows      string
			remembered []string // names; nil = no memory
			alone      bool     // the other member is gone
			genuine    bool
		}{
			"remembered":                              {other, []string{"web", "former"}, false, true},
			"not remembered, of another balancer":     {other, []string{"web"}, false, false},
			"not remembered, of the same":             {strings.ToUpper(shared), []string{"web"}, false, false},
			"not remembered, alone":                   {shared, []string{"web"}, true, false},
			"without memory, of another balancer":     {other, nil, false, false},
			"without memory, of the same":             {shared, nil, false, true},
			"without memory, alone":                   {shared, nil, true, true},
			"without memory, that never had a status": {"", nil, false, false},
		} {
			web, former := showing(deployed(key, of(key, "shop/web", 1, nil)), shared),
				showing(deployed(key, of(key, "mal/former", 0, nil)), c.shows)
			var before *compile.Memory
			if c.remembered != nil {
				before = &compile.Memory{}
				for _, o := range []metav1.Object{web, former} {
					if slices.Contains(c.remembered, o.GetName()) {
						before.Members = append(before.Members, owner.Object(o))
					}
				}
			}
			members := []metav1.Object{web, former}
			if c.alone {
				members = members[1:]
			}
			in := inGroup(key, members...)
			in.LoadBalancer.Members[len(members)-1].Former = true
			leaving := inGroup(key, members[:len(members)-1]...)
			in.Shards, leaving.Shards = g.shards, g.shards
			leaving.Leaving, leaving.Declared = []metav1.Object{former}, len(members) > 1
			w, l := in.Governed(key, before), leaving.Governed(key, before)
			if got := len(w.Members) == len(members) && len(w.LoadBalancer.Members) == len(members); got != c.genuine ||
				w.Declared != (c.genuine || !c.alone) {
				t.Errorf("%s %s: members %d, wanted %v", key.Owner, name, len(w.Members), w.Declared)
			}
			if len(w.Members)+len(w.Leaving) != len(members) {
				t.Errorf("%s %s: the finalizer is not removed", key.Owner, name)
			}
			if got := l.deciders().Decides("mal"); got && !c.genuine && !c.alone {
				t.Errorf("%s %s: it decides for the group", key.Owner, name)
			}
		}
	}
}

// TestFurtherLoadBalancerShowsAMember has a group with several load balancers, and no memory: an object whose hosts are
// on another load balancer than those of the present members may have been a member.
func TestFurtherLoadBalancerShowsAMember(t *testing.T) {
	t.Parallel()
	key := groups[0]
	for _, c := range []struct {
		web, former string
		genuine     bool
	}{
		{shared, "internal-k8s-front3-abcdef0123-4.us-west-2.elb.amazonaws.com", true},
		{shared, "k8s-front3-abcdef-nlb-0123.elb.us-west-2.amazonaws.com", true},
		{shared, other, false},
		{shared, "named-4.us-west-2.elb.amazonaws.com", false},
		{"named-4.us-west-2.elb.amazonaws.com", "named-1-5.us-west-2.elb.amazonaws.com", true},
	} {
		web, former := showing(deployed(key, of(key, "shop/web", 1, nil)), c.web),
			showing(deployed(key, of(key, "mal/former", 0, nil)), c.former)
		in := inGroup(key, web, former)
		in.Shards, in.LoadBalancer.Members[1].Former = 2, true
		if got := len(in.Governed(key, nil).Members) == 2; got != c.genuine {
			t.Errorf("%s beside %s: a member %t", c.former, c.web, got)
		}
	}
}
