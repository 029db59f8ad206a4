package annotation

import (
	"fmt"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/cputime"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestManyUnknownKeysTakeLittle has a tenant write as many misspelt keys as an object takes. The keys of each member of
// a group are examined in each pass over it.
func TestManyUnknownKeysTakeLittle(t *testing.T) {
	t.Parallel()
	for on, prefix := range map[Scope]string{OnIngress: IngressPrefix + "helthcheck-intrval-",
		OnService: ServicePrefix + "aws-load-balancer-helthcheck-", OnGateway: GatewayPrefix + "ownershp-"} {
		keys := map[string]string{}
		for i := range 5000 {
			keys[fmt.Sprintf("%s%d", prefix, i)] = "1"
		}
		o := diag.Object{Kind: string(on), Namespace: "mal", Name: "m"}
		if took := cputime.Of(func() {
			var f Findings
			Check(&f, o, on, keys)
			Misspellings(o, on, keys)
			for range 10 { // one for each policy and more
				MisspeltFor(GroupName, keys)
			}
		}); took > 500*time.Millisecond {
			t.Errorf("%s: %s", on, took)
		}
	}
}
