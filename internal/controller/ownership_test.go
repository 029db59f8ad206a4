package controller

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestNothingIsWrittenToAWSForWhatIsOnlyObserved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		object client.Object
		prefix string
		keys   []stack.Key
		lab    func(t *testing.T) *lab
	}{
		"an Ingress": {labIngress("web", map[string]string{"group.name": "front"}, "web"), "alb.ingress.kubernetes.io/", []stack.Key{frontKey}, func(t *testing.T) *lab {
			return newLab(t, account.Profile{}, labClass(), labService("web"))
		}},
		"a Service": {crashBalancer("net"), "service.beta.kubernetes.io/aws-load-balancer-", []stack.Key{serviceKey("net")}, func(t *testing.T) *lab {
			return newLab(t, account.Profile{})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := c.lab(t)
			o, _ := c.object.DeepCopyObject().(client.Object)
			set := func(value string) {
				annotations := o.GetAnnotations()
				if annotations == nil {
					annotations = map[string]string{}
				}
				annotations[c.prefix+"ownership"] = value
				o.SetAnnotations(annotations)
			}
			set("observed")
			l.create(o)
			mark := l.mark()
			l.settle(c.keys...)
			l.clock.Advance(time.Hour)
			l.settle(c.keys...)
			if w := l.writes(mark); len(w) > 0 {
				t.Errorf("observed from the beginning, it writes %v", w)
			}
			if told := strings.Join(l.events, "\n"); !strings.Contains(told, "to create") || !strings.Contains(told, "[OnlyObserved]") || strings.Contains(told, "FailedDeployModel") {
				t.Errorf("events: %s", told)
			}
			l.get(o, o.GetName())
			if len(o.GetFinalizers()) > 0 {
				t.Errorf("finalizers %v, and there is nothing to be deleted", o.GetFinalizers())
			}

			set("managed")
			l.must(l.client.Update(t.Context(), o))
			l.settle(c.keys...)
			made := l.balancers()
			l.get(o, o.GetName())
			set("observed")
			o.SetAnnotations(withAnnotation(o.GetAnnotations(), c.prefix+map[bool]string{true: "load-balancer-attributes", false: "attributes"}[strings.HasPrefix(c.prefix, "alb")], "deletion_protection.enabled=true"))
			l.must(l.client.Update(t.Context(), o))
			mark = l.mark()
			l.settle(c.keys...)
			l.restart()
			l.settle(c.keys...)
			if w := l.writes(mark); made == 0 || len(w) > 0 {
				t.Errorf("observed after an edit, with %d load balancers, it writes %v", made, w)
			}
			l.must(l.client.Delete(t.Context(), o))
			l.settle(c.keys...)
			if w := l.writes(mark); l.get(o, o.GetName()) || len(w) > 0 || l.balancers() != made {
				t.Errorf("deleted while it is observed, %d load balancers of %d are left; it writes %v; finalizers %v", l.balancers(), made, w, o.GetFinalizers())
			}
		})
	}
}

// withAnnotation is a copy of annotations with one more.
func withAnnotation(m map[string]string, key, value string) map[string]string {
	out := map[string]string{key: value}
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}

func TestOneObservedMemberHoldsTheWholeGroupAndTheAddressIsShown(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", map[string]string{"group.name": "front"}, "web"))
	l.settle(frontKey)
	mark := l.mark()
	l.create(labIngress("api", map[string]string{"group.name": "front", "ownership": "observed"}, "web"))
	l.settle(frontKey)
	var api networkingv1.Ingress
	if l.get(&api, "api"); len(l.writes(mark)) > 0 || len(api.Status.LoadBalancer.Ingress) == 0 {
		t.Errorf("it writes %v, and shows %v", l.writes(mark), api.Status.LoadBalancer.Ingress)
	}
}
