package tenants

import (
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestNarrowedClassBindsInvalidIngresses has an administrator narrow the source ranges of a class, while an Ingress of
// the class is invalid, so that its last valid version serves.
func TestNarrowedClassBindsInvalidIngresses(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]string{"healthcheck-interval-seconds": "soon", "ip-address-type": "odd",
		"load-balancer-attributes": "odd", "listen-ports": "odd", "tags": "elbv2.k8s.aws/cluster=x",
		"group.name": "Odd Name"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "narrow"}}
			params.Spec.InboundCIDRs = []string{"0.0.0.0/0"}
			class, _ := lab.Class().(*networkingv1.IngressClass)
			class.Spec.Parameters = &networkingv1.IngressClassParametersReference{APIGroup: ptr.To("elbv2.k8s.aws"),
				Kind: "IngressClassParams", Name: params.Name}
			g := lab.GroupsOfTwo["Ingresses"]
			l := lab.New(t, account.Profile{}, append(g.Attack(nil), class, params)...)
			l.Settle(g.Key)
			admitted := func() (peers []string) {
				for _, sg := range l.Sim.Resources().SecurityGroups {
					for _, rule := range sg.Ingress {
						if strings.HasPrefix(sg.Name, "k8s-front-") {
							peers = append(peers, rule.Peer)
						}
					}
				}
				return peers
			}
			if got := admitted(); !slices.Equal(got, []string{"0.0.0.0/0"}) {
				t.Fatalf("before: %v", got)
			}
			l.Put(g, "mal/evil", g.Named(map[string]string{name: wrong}))
			l.Settle(g.Key)
			l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(params), params))
			params.Spec.InboundCIDRs = []string{"10.0.0.0/8"}
			l.Must(l.Client.Update(t.Context(), params))
			l.Settle(g.Key)
			if got := admitted(); !slices.Equal(got, []string{"10.0.0.0/8"}) {
				t.Errorf("narrowed: %v\n%s", got, strings.Join(l.Events, "\n"))
			}
		})
	}
}

// TestMistakeBesideAnotherClassOpensNothing moves an Ingress from a class of internal load balancers to one of open ones,
// with a mistake in the same edit: the last valid version serves as it was.
func TestMistakeBesideAnotherClassOpensNothing(t *testing.T) {
	t.Parallel()
	class := func(name string, change func(*v1beta1.IngressClassParamsSpec)) []client.Object {
		p := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: name}}
		change(&p.Spec)
		return []client.Object{p, &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: networkingv1.IngressClassSpec{Controller: "ingress.k8s.aws/alb",
				Parameters: &networkingv1.IngressClassParametersReference{APIGroup: ptr.To("elbv2.k8s.aws"),
					Kind: "IngressClassParams", Name: name}}}}
	}
	private := class("private", func(s *v1beta1.IngressClassParamsSpec) {
		s.Scheme = ptr.To(v1beta1.LoadBalancerScheme("internal"))
	})
	public := class("public", func(s *v1beta1.IngressClassParamsSpec) {
		s.Scheme, s.InboundCIDRs = ptr.To(v1beta1.LoadBalancerScheme("internet-facing")), []string{"0.0.0.0/0"}
	})
	web := lab.Ingress("web", map[string]string{"inbound-cidrs": "10.0.0.0/8"}, "a")
	web.Spec.IngressClassName = ptr.To("private")
	l := lab.New(t, account.Profile{}, append(slices.Concat(private, public), web, lab.Service("a"))...)
	l.Settle(lab.Key("web"))
	shown := func() (out []string) {
		r := l.Sim.Resources()
		for _, lb := range r.LoadBalancers {
			out = append(out, lb.ARN+" "+lb.Scheme)
		}
		for _, sg := range r.SecurityGroups {
			for _, rule := range sg.Ingress {
				if strings.HasPrefix(sg.Name, "k8s-") {
					out = append(out, sg.Name+" "+rule.Peer)
				}
			}
		}
		return out
	}
	before := shown()
	edited := &networkingv1.Ingress{}
	l.Get(edited, "web")
	edited.Spec.IngressClassName = ptr.To("public")
	edited.Annotations["alb.ingress.kubernetes.io/healthcheck-interval-seconds"] = "soon"
	l.Must(l.Client.Update(t.Context(), edited))
	l.Settle(lab.Key("web"))
	if after := shown(); len(before) == 0 || !slices.Equal(before, after) {
		t.Errorf("before: %v\nafter: %v\n%s", before, after, strings.Join(l.Events, "\n"))
	}
}
