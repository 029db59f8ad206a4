package attachment

import (
	"fmt"
	"slices"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/lib/cputime"
)

// TestNamesAreNearTheirHosts compares the keys with what they stand for.
func TestNamesAreNearTheirHosts(t *testing.T) {
	t.Parallel()
	all := []string{"a", "com", "b.com", "a.b.com", "x.a.b.com", "*.com", "*.b.com", "*.a.b.com", "*.x.a.b.com", "b.org"}
	for _, name := range append(all, "*", "") {
		for _, host := range all {
			near := slices.ContainsFunc(nearHost(host), func(key string) bool { return slices.Contains(nearName(name), key) })
			if certifies(name, host) && !near && name != "*" && name != "" {
				t.Errorf("host %s is not found for name %s", host, name)
			}
		}
	}
}

// TestCertificateNamesCostInProportion has a tenant bring more and more names in certificates, to a port where routes
// of others have as many hostnames.
func TestCertificateNamesCostInProportion(t *testing.T) {
	t.Parallel()
	team := *read[Route](t, "{kind: HTTPRoute, namespace: team, name: r, parents: [{name: gw, namespace: infra, "+
		"sectionName: any}], hostnames: [t.com]}")
	growth.AtMost(t, 1.4, "microseconds of a comparison, by names of certificates and hostnames", func(n int) float64 {
		team.Hostnames = nil
		for i := range n {
			team.Hostnames = append(team.Hostnames, gatewayv1.Hostname(fmt.Sprintf("h%d.t.com", i)))
		}
		ls := contested(t, "{name: any, port: 443, protocol: HTTPS"+openTo+"}", []*gatewayv1.ListenerSet{set(t, "mal", "s", 0,
			"{name: l, port: 443, protocol: HTTPS, hostname: m.com}")}, team)
		if _, ok := ls.Foreign(1, fmt.Sprintf("h%d.t.com", n-1)); !ok {
			t.Error("a certificate for a hostname of others is accepted")
		}
		return float64(cputime.PerCall(func() {
			ls.contest.bearers = nil
			for i := range n {
				for _, name := range []string{"n%d.t.com", "*.n%d.t.com", "*n%d.t.com"} {
					if whose, ok := ls.Foreign(1, fmt.Sprintf(name, i)); ok {
						t.Fatal(whose)
					}
				}
			}
		}).Microseconds())
	})
}
