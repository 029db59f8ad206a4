package front

import (
	"testing"

	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestHostnameOfNoListenerIsTold has a route with hostnames that its listeners do not have, and one that other Gateways
// may serve.
func TestHostnameOfNoListenerIsTold(t *testing.T) {
	t.Parallel()
	s := servedGateway(t, attachment.Application, "standard", false)
	spec := &sceneObject[*gatewayv1.HTTPRoute](s, "HTTPRoute/shop/web").Spec
	spec.ParentRefs = spec.ParentRefs[:1]
	if said := s.compile(t, nil).said(diag.IgnoredSetting); said != "" {
		t.Errorf("the scene has notes: %s", said)
	}
	spec.ParentRefs[0].SectionName = ptr.To[gatewayv1.SectionName]("own")
	spec.Hostnames = append(spec.Hostnames, "b.test", "*.test", "192.0.2.1")
	const remedy = " has no effect: no listener to which the route is attached has it; add a listener with this hostname, " +
		"or remove it here"
	if said, want := s.compile(t, nil).said(diag.IgnoredSetting), "HTTPRoute shop/web: hostname b.test"+remedy+
		"\nHTTPRoute shop/web: hostname 192.0.2.1"+remedy; said != want {
		t.Errorf("said %q, want %q", said, want)
	}
	spec.ParentRefs = append(spec.ParentRefs, gatewayv1.ParentReference{Name: "elsewhere"})
	if said := s.compile(t, nil).said(diag.IgnoredSetting); said != "" {
		t.Errorf("another Gateway may serve them: %s", said)
	}
}
