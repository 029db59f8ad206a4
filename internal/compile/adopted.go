package compile

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/policy/consent"
)

// adopt has the load balancer of others that members name count as the one that exists, until it is the stack's by its
// tags. What is compiled is the same before and after, so that an approval of the one is one of the other.
func (b *build) adopt(s merge.Owned[string]) {
	if !s.Set {
		return
	}
	lb, asked := b.f.LoadBalancers[s.Value]
	_, known := b.existing()
	if !asked {
		b.lookUpShared(s.Member, s.Source, facts.Need{Kind: facts.NeedLoadBalancer, Key: s.Value})
	}
	if !asked || !known {
		return
	}
	own := b.f.Existing // of whatever type
	switch {
	case own != nil && lb != nil && own.ARN == lb.ARN:
		b.noteWithdrawn(s, own)
	case b.keep.Settings: // whether it can be taken over is not known
		return
	default:
		if d, bad := b.unfit(s, lb, own, "takes over"); bad {
			d.Object, d.Path = b.members[s.Member].Object, s.Source.Place()
			b.failShared(s.Member, d)
			return
		}
		b.f.Existing, b.standsIn = &lb.LoadBalancer, true
	}
	b.adopts = lb.ARN
}

// noteWithdrawn notes that there is no consent, or none any longer, to a takeover that has happened. The load balancer
// stays what it is: a consent that cannot be read takes nothing from those who use it.
func (b *build) noteWithdrawn(s merge.Owned[string], lb *facts.LoadBalancer) {
	if b.consent(s, lb) != consent.None {
		return
	}
	b.note(s.Member, diag.New(b.members[s.Member].Object, s.Source.Place(), diag.TakenWithoutConsent,
		fmt.Sprintf("load balancer %q was adopted, but namespace %s has no consent to use it: the controller keeps serving "+
			"what is declared, and ignores approvals of plans by objects of this namespace", s.Value, b.asking(s)),
		waysToConsent(b.cfg.Cluster, b.asking(s), lb.Name)))
}

// markAdopted has a load balancer that is taken over marked as such, with the tags by which it becomes the stack's. One
// that was taken over before there were such marks stays without.
func (b *build) markAdopted() {
	if b.adopts != "" && (b.standsIn || b.f.Existing.Tags[naming.AdoptedTag] != "") {
		b.lb.Tags[naming.AdoptedTag] = "true"
	}
}

// checkAdoptedScheme refuses to take over a load balancer of another scheme than is declared, or is the default: the
// next thing would be its replacement.
func (b *build) checkAdoptedScheme() {
	if !b.standsIn || b.f.Existing.Scheme == b.lb.Scheme {
		return
	}
	s, has := b.settings.adopted, b.f.Existing.Scheme
	text := fmt.Sprintf("load balancer %q is %s, and the object declares no scheme, so its scheme is %s", s.Value, has,
		b.lb.Scheme)
	if b.settings.scheme.Set {
		text = fmt.Sprintf("load balancer %q is %s, but the object declares scheme %s", s.Value, has, b.lb.Scheme)
	}
	b.failShared(s.Member, diag.New(b.members[s.Member].Object, s.Source.Place(), diag.LoadBalancerUnfit, text,
		"declare scheme "+has+", or name another one"))
}
