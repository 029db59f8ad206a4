package attachment

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/lib/cputime"
)

// TestContestOfManyListenerSetsCostsInProportion has a ListenerSet with two listeners and a route in each of many
// namespaces, and a Gateway whose routes serve hostnames of each.
func TestContestOfManyListenerSetsCostsInProportion(t *testing.T) {
	t.Parallel()
	questions := map[int]int{}
	cost := func(n int) float64 {
		n *= 2
		g := gateway(t, "{name: any, port: 80, protocol: HTTP"+openTo+"}, {name: udp, port: 53, protocol: UDP}")
		g.Spec.AllowedListeners = read[gatewayv1.GatewaySpec](t, "{allowedListeners: {namespaces: {from: All}}}").
			AllowedListeners
		var sets []*gatewayv1.ListenerSet
		var routes []Route
		for i := range n {
			ns := fmt.Sprint("ns", i)
			sets = append(sets, set(t, ns, "s", time.Duration(i)*time.Second, fmt.Sprintf("{name: l, port: 80, protocol: HTTP, "+
				"hostname: '*.h%d.com'}, {name: tcp, port: %d, protocol: HTTP}", i, 53+i%2)))
			routes = append(routes, *read[Route](t, fmt.Sprintf("{kind: HTTPRoute, namespace: %s, name: r, parents: [{kind: "+
				"ListenerSet, name: s, sectionName: l}]}", ns)), *read[Route](t, fmt.Sprintf("{kind: HTTPRoute, namespace: team, "+
				"name: r%d, parents: [{name: gw, namespace: infra, sectionName: any}], hostnames: [a.h%d.com]}", i, i)))
		}
		decide := func() int {
			questions[n] = 0
			ls := Judge(g, sets, Application, func(string, ...string) (labels.Set, bool) { return nil, true }, nil)
			all := make([]Contender, 0, len(routes))
			for _, r := range routes {
				all = append(all, Contender{Route: r, Created: time.Unix(1e9-1e6, 0), Decisions: ls.Attach(r)})
			}
			ls.Contest(all, Terms{Decides: func(string) bool { questions[n]++; return false }, Isolated: true,
				Remedy: func(string) string { return "" }})
			for i := range ls.All {
				ls.Foreign(i, fmt.Sprintf("a.h%d.com", i))
			}
			ls.Holds()
			return len(ls.Claims)
		}
		if got := decide(); got != n {
			t.Errorf("%d claims of %d", got, n)
		}
		return float64(cputime.PerCall(func() { decide() }).Microseconds())
	}
	growth.AtMost(t, 1.4, "microseconds, by ListenerSets", cost)
	growth.AtMost(t, 1.1, "questions whether a namespace decides, by ListenerSets", func(n int) float64 {
		return float64(questions[2*n])
	})
}

// TestTableFindsWhatHasNamesInCommon compares the look-up with a comparison of all hostnames.
func TestTableFindsWhatHasNamesInCommon(t *testing.T) {
	t.Parallel()
	hosts := []string{"", "a.com", "b.com", "a.b.com", "c.a.b.com", "*.com", "*.b.com", "*.a.b.com", "*.org", "com",
		"*.c.d"}
	var all table
	for i, host := range hosts {
		all.add(host, i)
	}
	for _, host := range append(hosts, "x.b.com", "*.x.org", "x.y", "*.a.com") {
		var meeting, covering []int
		for i, other := range hosts {
			if _, common := Narrower(other, host); common || host == "" {
				meeting = append(meeting, i)
			}
			if Covers(other, host) {
				covering = append(covering, i)
			}
		}
		if got := all.covering(host); fmt.Sprint(got) != fmt.Sprint(covering) {
			t.Errorf("%q is covered by %v, want %v", host, got, covering)
		}
		if got := all.meeting(host); fmt.Sprint(got) != fmt.Sprint(meeting) {
			t.Errorf("%q meets %v, want %v", host, got, meeting)
		}
		var certified []int
		for i, other := range hosts {
			if other == "" || certifies(host, other) {
				certified = append(certified, i)
			}
		}
		if got := slices.Sorted(all.certified(host)); host != "" && fmt.Sprint(got) != fmt.Sprint(certified) {
			t.Errorf("a certificate for %q is for %v, want %v", host, got, certified)
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
			for i := range n {
				for name, refused := range map[string]bool{"n#.t.com": false, "*.n#.t.com": false, "*n#.t.com": true,
					"*.com": false, "*.t.com": true} {
					if whose, ok := ls.Foreign(1, strings.ReplaceAll(name, "#", fmt.Sprint(i))); ok != refused {
						t.Fatal(name, whose)
					}
				}
			}
		}).Microseconds())
	})
}
