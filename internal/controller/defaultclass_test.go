package controller

import (
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
)

// TestADefaultClassThatVanishesTakesNoLoadBalancerAlong deletes the default class that an Ingress relies on, restarts, and brings the
// class back; then the Ingress names a class of another controller.
func TestADefaultClassThatVanishesTakesNoLoadBalancerAlong(t *testing.T) {
	t.Parallel()
	byDefault := func() *networkingv1.IngressClass {
		c := labClass().(*networkingv1.IngressClass)
		c.Annotations = map[string]string{"ingressclass.kubernetes.io/is-default-class": "true"}
		return c
	}
	web := labIngress("web", nil, "websvc")
	web.Spec.IngressClassName = nil
	l := newLab(t, account.Profile{}, byDefault(), labService("websvc"), web)
	key := implicit("web")
	l.settle(key)
	serving := l.left()
	if len(serving) == 0 {
		t.Fatal("nothing serves")
	}
	mark := l.mark()
	l.must(l.client.Delete(t.Context(), byDefault()))
	l.settle(key)
	l.restart()
	l.settle(key)
	if w := l.writes(mark); len(w) > 0 || !slices.Equal(l.left(), serving) {
		t.Errorf("without the default class written %v, %v is left of %v", w, l.left(), serving)
	}
	if text := strings.Join(l.events, "\n"); !strings.Contains(text, "its load balancer keeps its former rules") {
		t.Errorf("no event tells it:\n%s", text)
	}
	l.must(l.client.Create(t.Context(), byDefault()))
	l.settle(key)
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("with the class again written %v", w)
	}
	l.get(web, "web")
	web.Annotations[ingress.LegacyClassAnnotation] = "nginx"
	l.must(l.client.Update(t.Context(), web))
	l.settle(key)
	if now := l.left(); slices.Equal(now, serving) {
		t.Errorf("of an Ingress of another controller %v is left", now)
	}
}
