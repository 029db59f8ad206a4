package compile

import (
	"cmp"
	"fmt"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// holderOf is the one of the candidates for a port that has it, where a port is that of one member: the one that had it
// before, so that a newcomer takes over no connections of another member; else the first by precedence. A finding about
// each of the others names the holder.
func (b *build) holderOf(port int32, candidates []merge.Owned[intent.Listener]) []merge.Owned[intent.Listener] {
	winner, why := merge.Holder(&b.group, membersOf(candidates), fmt.Sprintf("holder@%d", port), func(i int) bool {
		_, exists := b.f.Existing.Families[naming.ServiceTargetGroupID(b.members[i].Object.Namespace,
			b.members[i].Object.Name, port)]
		return exists
	})
	holder := b.members[candidates[winner].Member].Object
	for at, c := range candidates {
		if at == winner {
			continue
		}
		o := b.members[c.Member].Object
		b.note(c.Member, diag.New(o, cmp.Or(c.Value.DefaultSource.Path(), c.Source.Path()), diag.PortTaken,
			fmt.Sprintf("port %d of the load balancer belongs to %s, %s: %s is not served on this port, only on its other ports",
				port, holder, why(at), o),
			fmt.Sprintf("use another port, remove the port from %s, or remove annotation group-name to have a load "+
				"balancer of its own", holder)))
	}
	return candidates[winner : winner+1]
}
