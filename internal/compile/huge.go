package compile

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// What a member may declare at most without being set aside before anything of it is compared or multiplied: AWS allows
// a small part of it.
const (
	hugeTags    = 10 * mostTags
	hugeSources = 2_000_000 // source ranges and prefix lists, each as often as there are ports
	hugeRules   = 50_000    // routes, each as often as there are ports
)

// refuseHuge refuses members that declare so much that a build with them would take long, and reports whether there are
// some. The build ends then; the next one is without their present versions. Members with too many tags have failed
// already.
func (b *build) refuseHuge() (found bool) {
	for i := range b.members {
		m := &b.members[i]
		if m.State == quarantine.Rejected {
			continue
		}
		found = found || len(m.Settings.Tags) > hugeTags && len(b.failures[i]) > 0 // reserved keys do not count
		if n := len(m.Routes); len(m.Listeners) > 0 && (n > intent.MaxMemberRules || n*len(m.Listeners) > hugeRules) &&
			!m.State.LeftOut() {
			at := m.Listeners[0]
			b.fail(i, intent.TooManyRules(m.Object, m.Routes[n-1].Source.Place(), at.Port))
			found = found || len(b.failures[i]) > 0
			continue
		}
		sources, most := 0, 0
		for at, l := range m.Listeners {
			n := len(l.InboundCIDRs.Value) + len(l.PrefixLists.Value)
			if sources += n; n > len(m.Listeners[most].InboundCIDRs.Value) {
				most = at
			}
		}
		if sources <= hugeSources {
			continue
		}
		l := &m.Listeners[most]
		b.fail(i, diag.New(m.Object, l.InboundCIDRs.Source.Place(), diag.QuotaExceeded,
			fmt.Sprintf("%d ports with up to %d source ranges each need more inbound rules than AWS allows", len(m.Listeners),
				len(l.InboundCIDRs.Value)),
			"declare fewer ports, or fewer or wider ranges").In(diag.Route))
		found = found || len(b.failures[i]) > 0
	}
	return found
}
