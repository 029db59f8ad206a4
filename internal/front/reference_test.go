package front

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestReferencesAreReadOnlyForNamedTargetGroups covers members that name one now, or in the version that may
// serve instead, and those that do not.
func TestReferencesAreReadOnlyForNamedTargetGroups(t *testing.T) {
	t.Parallel()
	object := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
		Finalizers: []string{"group.ingress.k8s.aws/old"}}}
	plain := intent.Member{Object: owner.Object(object)}
	naming := plain
	naming.Routes = []intent.Route{{Actions: []intent.Action{{Backends: []intent.Backend{{TargetGroupARN: "arn"}}}}}}
	wrong := plain
	wrong.Diagnostics = diag.List{diag.New(plain.Object, "", diag.InvalidAnnotation, "wrong", "")}
	old := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "old"}}
	from := func(m intent.Member) Elsewhere {
		return func(_ diag.Object, at []stack.Key) (intent.Member, bool) {
			return m, slices.Equal(at, []stack.Key{old})
		}
	}
	for name, c := range map[string]struct {
		now       intent.Member
		last      *intent.Member
		elsewhere Elsewhere
		read      bool
	}{
		"it names none":                        {plain, nil, nil, false},
		"it names one":                         {naming, nil, nil, true},
		"a typo":                               {wrong, nil, nil, false},
		"a typo, and none before":              {wrong, &plain, from(naming), false},
		"a typo, and one before":               {wrong, &naming, nil, true},
		"none, and one before":                 {plain, &naming, nil, true},
		"a typo, and one at the former group":  {wrong, nil, from(naming), true},
		"a typo, and none at the former group": {wrong, nil, from(plain), false},
	} {
		v := objects.FromObjects([]metav1.Object{grantFrom("shop", "db", "one"), grantFrom("other", "cache", "one"),
			&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "db", Name: "one"}}})
		r := TargetGroupReferences{Grants: true, Namespaces: true, elsewhere: c.elsewhere}
		if c.last != nil {
			r.last = quarantine.Versions{plain.Object: c.last}
		}
		lb := &intent.LoadBalancer{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "new"}},
			Members: []intent.Member{c.now}}
		r.load(v, lb, []metav1.Object{object})
		if !c.read {
			if lb.References != nil || len(v.Reads()) > 0 {
				t.Errorf("%s: %+v, reads %v", name, lb.References, v.Reads())
			}
			continue
		}
		if lb.References == nil || len(lb.References.Grants) != 1 || len(lb.References.Services) != 1 ||
			!slices.Equal(lb.References.Services["db"], []string{"one"}) {
			t.Errorf("%s: %+v", name, lb.References)
		}
	}
}

// grantFrom lets Ingresses of a namespace name a Service of another one.
func grantFrom(from, namespace, service string) *gatewayv1beta1.ReferenceGrant {
	g := &gatewayv1beta1.ReferenceGrant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "grant"}}
	g.Spec.From = []gatewayv1beta1.ReferenceGrantFrom{{Group: networkingv1.GroupName, Kind: "Ingress",
		Namespace: gatewayv1beta1.Namespace(from)}}
	g.Spec.To = []gatewayv1beta1.ReferenceGrantTo{{Kind: "Service", Name: ptr.To(gatewayv1beta1.ObjectName(service))}}
	return g
}
