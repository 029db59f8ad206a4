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

// TestADefaultClassThatVanishesTakesNoLoadBalancerAlong deletes the default class that an Ingress relies on, restarts,
// and brings the class back; then the Ingress names a class of another controller.
func TestADefaultClassThatVanishesTakesNoLoadBalancerAlong(t *testing.T) {
	t.Parallel()
	byDefault := func() *networkingv1.IngressClass {
		c := lab.Class().(*networkingv1.IngressClass)
		c.Annotations = map[string]string{"ingressclass.kubernetes.io/is-default-class": "true"}
		return c
	}
	web := lab.Ingress("web", nil, "websvc")
	web.Spec.IngressClassName = nil
	l := lab.New(t, account.Profile{}, byDefault(), lab.Service("websvc"), web)
	key := lab.Key("web")
	l.Settle(key)
	serving := l.Left()
	if len(serving) == 0 {
		t.Fatal("nothing serves")
	}
	mark := l.Mark()
	l.Must(l.Client.Delete(t.Context(), byDefault()))
	l.Settle(key)
	l.Restart()
	l.Settle(key)
	if w := l.Writes(mark); len(w) > 0 || !slices.Equal(l.Left(), serving) {
		t.Errorf("without the default class written %v, %v is left of %v", w, l.Left(), serving)
	}
	if text := strings.Join(l.Events, "\n"); !strings.Contains(text, "its load balancer keeps its former rules") {
		t.Errorf("no event tells it:\n%s", text)
	}
	l.Must(l.Client.Create(t.Context(), byDefault()))
	l.Settle(key)
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("with the class again written %v", w)
	}
	l.Get(web, "web")
	web.Annotations[ingress.LegacyClassAnnotation] = "nginx"
	l.Must(l.Client.Update(t.Context(), web))
	l.Settle(key)
	if now := l.Left(); slices.Equal(now, serving) {
		t.Errorf("of an Ingress of another controller %v is left", now)
	}
}
