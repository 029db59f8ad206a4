package accelerator

import (
	"net/netip"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// healthy are the ARNs of the load balancers that are healthy.
type healthy map[string]bool

func (h healthy) Healthy(arn string) bool { return h[arn] }

func (healthy) EntryPoints(string, bool) []netip.Addr { return nil }
func (healthy) Ports(string, string) []int32          { return nil }

func TestTheEndpointOfAFlowIsChosenByHealthDialAndWeight(t *testing.T) {
	t.Parallel()
	one := func(arn string, dial float64, weight int32) topology.EndpointGroup {
		return topology.EndpointGroup{Region: arn, Dial: dial, Endpoints: []topology.Endpoint{
			{LoadBalancer: arn, Weight: weight}}}
	}
	for name, tc := range map[string]struct {
		groups  []topology.EndpointGroup
		healthy healthy
		want    map[string]bool // what 100 flows reach
	}{
		"the nearest group": {[]topology.EndpointGroup{one("a", 100, 1), one("b", 100, 1)},
			healthy{"a": true, "b": true}, map[string]bool{"a": true}},
		"the next one of an unhealthy group": {[]topology.EndpointGroup{one("a", 100, 1), one("b", 100, 1)},
			healthy{"b": true}, map[string]bool{"b": true}},
		"the next one of a dial of 0": {[]topology.EndpointGroup{one("a", 0, 1), one("b", 100, 1)},
			healthy{"a": true, "b": true}, map[string]bool{"b": true}},
		"both by a dial of 50": {[]topology.EndpointGroup{one("a", 50, 1), one("b", 100, 1)},
			healthy{"a": true, "b": true}, map[string]bool{"a": true, "b": true}},
		"what dials leave goes to the nearest": {[]topology.EndpointGroup{one("a", 1, 1)}, healthy{"a": true},
			map[string]bool{"a": true}},
		"without weights all of a group": {[]topology.EndpointGroup{one("a", 100, 0)}, healthy{"a": true},
			map[string]bool{"a": true}},
		"without health all but a dial of 0": {[]topology.EndpointGroup{one("a", 100, 1), one("b", 0, 1), one("c", 1, 1)},
			nil, map[string]bool{"a": true, "c": true}},
		"none where all groups have a dial of 0": {[]topology.EndpointGroup{one("a", 0, 1)}, healthy{"a": true},
			map[string]bool{"none": true}},
	} {
		o := &Options{LoadBalancers: tc.healthy}
		got, n := map[string]bool{}, uint64(0)
		for range 100 {
			_, e := o.endpointFor(&topology.AcceleratorListener{Groups: tc.groups}, func() uint64 { n += 7919; return n })
			if e == nil {
				got["none"] = true
			} else {
				got[e.LoadBalancer] = true
			}
		}
		if len(got) != len(tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
		for arn := range tc.want {
			if !got[arn] {
				t.Errorf("%s: %v, want %v", name, got, tc.want)
			}
		}
	}
}
