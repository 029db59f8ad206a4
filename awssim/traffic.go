package awssim

import (
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// Traffic is what the data plane has counted; nothing without one.
func (s *Simulator) Traffic() simclient.Traffic {
	t := simclient.Traffic{LoadBalancers: map[string]map[string]int64{}, TargetGroups: map[string]map[string]int64{},
		Rules: map[string]int64{}}
	if s.Plane == nil {
		return t
	}
	stats := s.Plane.Stats()
	t.LoadBalancers, t.TargetGroups = stats.LoadBalancers, stats.TargetGroups
	s.Account.Lock()
	defer s.Account.Unlock()
	for id, n := range stats.Rules {
		if l := s.Account.Listeners[id]; l != nil { // the data plane counts default actions under their listener
			id = l.Default().ARN
		}
		t.Rules[id] = n
	}
	return t
}

// Flows are the open flows of network load balancers, oldest first; none without a data plane.
func (s *Simulator) Flows() []simclient.Flow {
	flows := []simclient.Flow{}
	if s.Plane == nil {
		return flows
	}
	for _, f := range s.Plane.Flows() {
		flows = append(flows, simclient.Flow(f))
	}
	return flows
}

// markZones marks the zones of a load balancer that are in DNS.
func (s *Simulator) markZones(lb *simclient.LoadBalancer) {
	if s.Plane == nil {
		return
	}
	for _, state := range s.Plane.Zones(lb.ARN) {
		for i := range lb.Zones {
			if lb.Zones[i].Name == state.Name {
				lb.Zones[i].InService = state.InService
			}
		}
	}
}
