package dataplane_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestAZonalShiftLeadsAwayFromAZone(t *testing.T) {
	t.Parallel()
	for kind, metric := range map[stack.LoadBalancerType]string{stack.Application: "ZonalShiftedHostCount",
		stack.Network: "ActiveZonalShiftHostCount"} {
		w := newWorld(t)
		protocol := "HTTP"
		if kind == stack.Network {
			protocol = "TCP"
			w.server("10.0.1.5", 8080, greet("10.0.1.5"))
			w.server("10.0.1.6", 8080, greet("10.0.1.6"))
		} else {
			w.pod("10.0.1.5", 8080, echoHandler("10.0.1.5"))
			w.pod("10.0.1.6", 8080, echoHandler("10.0.1.6"))
		}
		w.group("a", protocol, "10.0.1.5", "10.0.1.6") // in the zones a and b
		lb := w.balancer("web"+string(kind), kind, listener(80, protocol, forward("a")))
		lb.Attributes = map[string]string{"load_balancing.cross_zone.enabled": "true"}
		w.update()
		w.await("10.0.1.5", "healthy")
		w.await("10.0.1.6", "healthy")
		shift := func(zones ...int) {
			t.Helper()
			lb.Zones = slices.Clone(lb.Zones)
			for i := range lb.Zones {
				lb.Zones[i].Shifted = slices.Contains(zones, i)
			}
			w.update()
		}
		look := func() (targets map[string]bool, inDNS string) {
			t.Helper()
			targets = map[string]bool{}
			for range 16 {
				if kind == stack.Network {
					c, err := w.network.DialTCP(t.Context(), netip.MustParseAddr("203.0.113.7"),
						netip.AddrPortFrom(lb.Zones[1].Public, 80))
					if err != nil {
						t.Fatal(err)
					}
					line, _ := bufio.NewReader(c).ReadString(' ')
					targets[line[:len(line)-1]] = true
					_ = c.Close()
					continue
				}
				c := &http.Client{Transport: &http.Transport{DialContext: w.from("203.0.113.7"), DisableKeepAlives: true}}
				targets[w.get(c, fmt.Sprintf("http://%s/", lb.Zones[1].Public)).echo(t).Pod] = true
			}
			for _, z := range w.plane.Zones(lb.ARN) {
				if z.InService {
					inDNS += z.Name[len(z.Name)-1:]
				}
			}
			return targets, inDNS
		}
		for _, tc := range []struct {
			shifted []int
			targets int
			inDNS   string
		}{{nil, 2, "ab"}, {[]int{0}, 1, "b"}, {[]int{0, 1}, 2, "ab"}, {nil, 2, "ab"}} {
			shift(tc.shifted...)
			targets, inDNS := look()
			if len(targets) != tc.targets || inDNS != tc.inDNS || !targets["10.0.1.6"] {
				t.Errorf("%s, zones %v shifted: targets %v, zones %q in DNS, want %d and %q", kind, tc.shifted, targets, inDNS,
					tc.targets, tc.inDNS)
			}
			if n := w.plane.Stats().TargetGroups[groupARN("a")][metric]; n != int64(len(tc.shifted)) {
				t.Errorf("%s, zones %v shifted: %s is %d", kind, tc.shifted, metric, n)
			}
		}
	}
}

func TestShiftedZoneServesRemainingClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server("10.0.1.5", 8080, greet("a"))
	w.group("a", "TCP", "10.0.1.5")
	lb := w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	lb.Zones[0].Shifted = true
	w.update()
	w.await("10.0.1.5", "healthy")
	if name, _ := w.greeter("203.0.113.7:4000", netip.AddrPortFrom(lb.Zones[0].Public, 80)); name != "a" {
		t.Errorf("answered by %q", name)
	}
}
