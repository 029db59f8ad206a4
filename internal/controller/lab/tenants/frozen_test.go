package tenants

import (
	"strings"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// freezes are the annotations by which the owner of a Gateway freezes its load balancer.
func freezes() map[string]string {
	return map[string]string{"ownership": "observed", "approved-plan": "none", "dry-run": "true"}
}

// freeze has the owner of Gateway shop/web set an annotation.
func freeze(l *lab.Lab, annotation, value string) {
	g := &gatewayv1.Gateway{}
	l.Get(g, "web")
	if g.Annotations == nil {
		g.Annotations = map[string]string{}
	}
	g.Annotations["gateway.k8s.aws/"+annotation] = value
	l.Must(l.Client.Update(l.Context(), g))
	l.SettleWeb()
}

// TestFrozenGatewayEndsWithdrawnGrant has namespace mal withdraw its ReferenceGrant while the Gateway of the route that
// uses it is frozen by its owner, before or after an edit of the route.
func TestFrozenGatewayEndsWithdrawnGrant(t *testing.T) {
	t.Parallel()
	edits := map[string]string{"as it was": "", "another path": mixedRoute("/second", ""),
		"other backends": strings.Replace(mixedRoute("/first", ""), "namespace: mal, ", "", 1)}
	for name, value := range freezes() {
		for edited, edit := range edits {
			for _, restarted := range []bool{false, true} {
				t.Run(name+", "+edited+map[bool]string{true: ", restarted"}[restarted], func(t *testing.T) {
					t.Parallel()
					l := lab.NewGateway(t, sharedGateway+grantToTeam+mixedRoute("/first", ""))
					l.SettleWeb()
					freeze(l, name, value)
					if edit != "" {
						l.Apply(edit)
						l.SettleWeb()
					}
					if got := l.Answers("/theirs"); !strings.Contains(got, "mal-web") {
						t.Fatalf("with the grant, /theirs is answered by %s", got)
					}
					if restarted {
						l.Restart()
						l.SettleWeb()
					}
					l.Discard(grantToTeam)
					l.SettleWeb()
					if got := l.Answers("/theirs"); strings.Contains(got, "mal-web") {
						t.Errorf("without the grant, /theirs is answered by %s\n%s", got, strings.Join(l.Events, "\n"))
					}
					if got := l.Answers("/first"); !strings.Contains(got, "team-web") {
						t.Errorf("/first is answered by %s", got)
					}
					if got := l.Answers("/second"); strings.Contains(got, "team-web") {
						t.Errorf("the edit of a frozen Gateway's route is deployed: %s", got)
					}
				})
			}
		}
	}
}
