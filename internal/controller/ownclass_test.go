package controller

import (
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
)

// TestAnIngressThatNamesItsClassNoMoreKeepsItsLoadBalancerUntilAnotherControllerHasIt takes the class from an Ingress that named it while there is no
// default class, by field or by annotation, and restarts.
func TestAnIngressThatNamesItsClassNoMoreKeepsItsLoadBalancerUntilAnotherControllerHasIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		group  string
		legacy bool
	}{
		"of its own, by field":      {},
		"of its own, by annotation": {legacy: true},
		"of a group":                {group: "front"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			class := labClass()
			annotations, key := map[string]string{}, implicit("web")
			if c.group != "" {
				annotations["group.name"], key = c.group, frontKey
			}
			web := labIngress("web", annotations, "websvc")
			if c.legacy {
				web.Spec.IngressClassName = nil
				web.Annotations[ingress.LegacyClassAnnotation] = "alb"
			}
			l := newLab(t, account.Profile{}, class, labService("websvc"), web)
			l.settle(key)
			serving := l.left()
			if l.balancers() != 1 {
				t.Fatal("nothing serves")
			}
			mark := l.mark()
			l.edit("web", func(i *networkingv1.Ingress) {
				i.Spec.IngressClassName = nil
				delete(i.Annotations, ingress.LegacyClassAnnotation)
			})
			l.settle(key)
			l.restart()
			l.settle(key)
			if w := l.writes(mark); len(w) > 0 || !slices.Equal(l.left(), serving) {
				t.Errorf("without a class written %v, %v is left of %v", w, l.left(), serving)
			}
			if !l.told("web", "its load balancer keeps its former rules") {
				t.Errorf("no event tells it:\n%s", strings.Join(l.events, "\n"))
			}
			l.edit("web", func(i *networkingv1.Ingress) { i.Spec.IngressClassName = &[]string{"alb"}[0] })
			l.settle(key)
			if w := l.writes(mark); len(w) > 0 {
				t.Errorf("with the class again written %v", w)
			}
			l.create(theirClass("theirs"))
			l.reclass("web")
			l.settle(key)
			if l.balancers() != 0 {
				t.Errorf("of an Ingress of another controller %v is left", l.left())
			}
		})
	}
}
