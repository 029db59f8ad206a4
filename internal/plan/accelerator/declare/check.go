package declare

import (
	"fmt"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/check"
)

// check reports what AWS would refuse: of the declaration with the listeners that were discovered, and of what is known
// of the load balancers. Quotas that AWS may have raised are left to its answers.
func (b *building) check(listeners []declared, loaded map[place]loadedEndpoint) {
	spec, find := b.ga.Spec, check.Spec
	if check.Discovers(&b.ga.Spec) && len(listeners) > 0 {
		find, spec.Listeners = check.Discovered, nil
		for _, l := range listeners {
			l.spec.Protocol, l.spec.PortRanges = new(agav1beta1.Protocol(l.protocol)), nil
			for _, r := range l.ports {
				l.spec.PortRanges = append(l.spec.PortRanges, agav1beta1.PortRange{FromPort: r.From, ToPort: r.To})
			}
			spec.Listeners = append(spec.Listeners, l.spec)
		}
	}
	for _, f := range find(&spec, b.ga.Namespace, b.config.Region) {
		if f.Check != check.Limits || !f.Uncertain {
			b.found = append(b.found, f.Diagnostic(b.ga))
		}
	}
	b.checkBalancers(loaded)
}

// checkBalancers reports endpoints of a group that differ, and have the same load balancer.
func (b *building) checkBalancers(loaded map[place]loadedEndpoint) {
	for i := range b.ga.Spec.Listeners {
		for j := range b.ga.Spec.Listeners[i].EndpointGroups {
			endpoints := b.ga.Spec.Listeners[i].EndpointGroups[j].Endpoints
			first := map[string]int{}
			for k := range endpoints {
				e := loaded[place{i, j, k}]
				if !e.ready {
					continue
				}
				before, twice := first[e.ID]
				if twice && check.Key(&endpoints[before], b.ga.Namespace) != check.Key(&endpoints[k], b.ga.Namespace) {
					b.wrong(fmt.Sprintf("spec.listeners[%d].endpointGroups[%d].endpoints[%d]", i, j, k),
						fmt.Sprintf("endpoints[%d] of the group has the load balancer %s, too", before, e.ID), "remove one of them")
				}
				if !twice {
					first[e.ID] = k
				}
			}
		}
	}
}

// noRoomForTags reports tags beyond the limit that are not the object's alone.
func (b *building) noRoomForTags(all int) {
	if own := len(b.ga.Spec.Tags); all > accelerator.MaxTags && own <= accelerator.MaxTags-check.TrackingTags {
		b.wrong("spec.tags", fmt.Sprintf("with its identifying tags and --default-tags, the accelerator would have "+
			"%d tags, and AWS allows %d", all, accelerator.MaxTags), "remove tags")
	}
}
