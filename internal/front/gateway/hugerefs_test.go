package gateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/front/secretdata"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/cputime"
)

// TestReferencesCostInProportion has a tenant's ListenerSet name more and more Secrets: some that exist, and some that
// do not. The listeners of others wait for the translation.
func TestReferencesCostInProportion(t *testing.T) {
	t.Parallel()
	growth.AtMost(t, 1.4, "microseconds of a translation, by references to Secrets", func(n int) float64 {
		var refs, absent, secrets strings.Builder
		for i := range n {
			fmt.Fprintf(&refs, "{name: s%d}, ", i)
			fmt.Fprintf(&absent, "{name: absent%d}, ", i)
			secrets.WriteString(secret(fmt.Sprint("shop/s", i)) + "\n")
		}
		all := decode(t, classes+secrets.String()+`
Gateway shop/web {spec: {gatewayClassName: alb, listeners: [
  {name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [`+refs.String()+`]}},
  {name: b, port: 444, protocol: HTTPS, tls: {certificateRefs: [`+absent.String()+`]}}]}}`)
		v, cfg := objects.FromObjects(all), defaults()
		cfg.Pairs = &secretdata.Pairs{}
		load := func() int {
			e, _ := Translate(v, cfg, Load(v, cfg, albKey()), false)
			return len(e.Members[0].Certificates)
		}
		if got := load(); got != 2*n {
			t.Errorf("%d certificates of %d", got, n)
		}
		return float64(cputime.PerCall(func() { load() }).Microseconds())
	})
}
