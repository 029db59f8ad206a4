package ingresses

import (
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
)

// TestIngressThatDropsItsClassKeepsLoadBalancer takes the class from an Ingress
// that named it while there is no default class, by field or by annotation, and restarts.
func TestIngressThatDropsItsClassKeepsLoadBalancer(t *testing.T) {
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
			class := lab.Class()
			annotations, key := map[string]string{}, lab.Key("web")
			if c.group != "" {
				annotations["group.name"], key = c.group, lab.FrontKey
			}
			web := lab.Ingress("web", annotations, "websvc")
			if c.legacy {
				web.Spec.IngressClassName = nil
				web.Annotations[ingress.LegacyClassAnnotation] = "alb"
			}
			l := lab.New(t, account.Profile{}, class, lab.Service("websvc"), web)
			l.Settle(key)
			serving := l.Left()
			if l.Balancers() != 1 {
				t.Fatal("nothing serves")
			}
			mark := l.Mark()
			l.Edit("web", func(i *networkingv1.Ingress) {
				i.Spec.IngressClassName = nil
				delete(i.Annotations, ingress.LegacyClassAnnotation)
			})
			l.Settle(key)
			l.Restart()
			l.Settle(key)
			if w := l.Writes(mark); len(w) > 0 || !slices.Equal(l.Left(), serving) {
				t.Errorf("without a class written %v, %v is left of %v", w, l.Left(), serving)
			}
			if !l.Told("web", "its load balancer keeps its former rules") {
				t.Errorf("no event tells it:\n%s", strings.Join(l.Events, "\n"))
			}
			l.Edit("web", func(i *networkingv1.Ingress) { i.Spec.IngressClassName = &[]string{"alb"}[0] })
			l.Settle(key)
			if w := l.Writes(mark); len(w) > 0 {
				t.Errorf("with the class again written %v", w)
			}
			l.Create(lab.TheirClass("theirs"))
			l.Reclass("web")
			l.Settle(key)
			if l.Balancers() != 0 {
				t.Errorf("of an Ingress of another controller %v is left", l.Left())
			}
		})
	}
}

// TestAMisspeltLegacyClassKeepsTheLoadBalancer edits the annotation, restarts, and then names another controller.
func TestAMisspeltLegacyClassKeepsTheLoadBalancer(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"abl", "ALB", "al", "albb"} {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel()
			web := lab.Ingress("web", nil, "websvc")
			web.Spec.IngressClassName, web.Annotations[ingress.LegacyClassAnnotation] = nil, "alb"
			l := lab.New(t, account.Profile{}, lab.Service("websvc"), web)
			key := lab.Key("web")
			l.Settle(key)
			mark := l.Mark()
			name := func(class string) {
				l.Edit("web", func(i *networkingv1.Ingress) { i.Annotations[ingress.LegacyClassAnnotation] = class })
				l.Settle(key)
			}
			name(wrong)
			l.Restart()
			l.Settle(key)
			if w := l.Writes(mark); len(w) > 0 || l.Balancers() != 1 {
				t.Errorf("written %v, left %v", w, l.Left())
			}
			if !l.Told("web", "its load balancer keeps its former rules", `"alb" may be meant`) {
				t.Errorf("no event tells it:\n%s", strings.Join(l.Events, "\n"))
			}
			if name("nginx"); l.Balancers() != 0 {
				t.Errorf("of an Ingress of another controller %v is left", l.Left())
			}
		})
	}
}
