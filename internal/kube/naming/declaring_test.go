package naming

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestDeclaringNamespacesOfTargetGroups reads identities and names as they are generated.
func TestDeclaringNamespacesOfTargetGroups(t *testing.T) {
	t.Parallel()
	route := GatewayTargetGroup{
		Gateway: stack.ID{Namespace: "infra", Name: "web"}, RouteKind: "HTTPRoute", RouteNamespace: "team-a",
		RouteName:        "shop-web",
		BackendNamespace: "team-b", BackendName: "api", TargetPort: "80",
	}
	for _, c := range []struct {
		id, name string
		want     []string
	}{
		{IngressTargetGroupID("shop", "web", "api", "80"), "", []string{"shop"}},
		{FrontendTargetGroupID(443), "", nil},
		{"", "", nil},
		{route.ID(), route.Name(), []string{"team-a"}},
		{route.ID(), "declared", []string{"team", "team-a", "team-a-shop"}},
		{route.ID(), "k8s-other-web-0123456789", []string{"team", "team-a", "team-a-shop"}},
	} {
		if got := DeclaringNamespaces(c.id, c.name); !slices.Equal(got, c.want) {
			t.Errorf("%s, %s: %v, want %v", c.id, c.name, got, c.want)
		}
	}
}
