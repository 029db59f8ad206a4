package front

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
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

// TestForgedFinalizersCountForNothing has an object of another namespace carry the finalizer of a group that it does
// not declare.
func TestForgedFinalizersCountForNothing(t *testing.T) {
	t.Parallel()
	for _, key := range groups {
		for name, c := range map[string]struct {
			shows      string
			remembered []string // names; nil = no memory
			alone      bool     // the other member is gone
			genuine    bool
		}{
			"remembered":                              {"other", []string{"web", "former"}, false, true},
			"not remembered, of another balancer":     {"other", []string{"web"}, false, false},
			"not remembered, of the same":             {"SHARED", []string{"web"}, false, true},
			"not remembered, alone":                   {"shared", []string{"web"}, true, false},
			"without memory, of another balancer":     {"other", nil, false, false},
			"without memory, of the same":             {"shared", nil, false, true},
			"without memory, alone":                   {"shared", nil, true, true},
			"without memory, that never had a status": {"", nil, false, false},
		} {
			web, former := showing(deployed(key, of(key, "shop/web", 1, nil)), "shared"),
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
			leaving.Leaving, leaving.Wanted = []metav1.Object{former}, len(members) > 1
			w, l := in.Governed(key, before), leaving.Governed(key, before)
			if got := len(w.Members) == len(members) && len(w.LoadBalancer.Members) == len(members); got != c.genuine ||
				w.Wanted != (c.genuine || !c.alone) {
				t.Errorf("%s %s: members %d, wanted %v", key.Owner, name, len(w.Members), w.Wanted)
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
