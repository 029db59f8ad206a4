package compile

import (
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// A listener of a Gateway may be invalid when the controller starts without memory. On which port its last valid
// version served is not known then, so that the listeners that AWS has and no object declares stay, with their rules,
// until the declared one is valid.

// keepLost keeps the listeners that may be those of such versions.
func (b *build) keepLost() {
	if !b.e.ListenersLost {
		return
	}
	d, known := b.detailsOfExisting()
	if !known || d == nil {
		return
	}
	for _, n := range slices.Sorted(maps.Keys(d.Listeners)) {
		if !slices.ContainsFunc(b.ports, func(p *port) bool { return p.number == n }) {
			b.keepsLost = true
			b.keep.Resources = append(b.keep.Resources, stack.Ref{Kind: stack.KindListener, ID: naming.ListenerID(n)})
		}
	}
}

// keepReplaced keeps what a member serves on other ports, if an edit moves it to a port for which it has no valid
// certificate: the last valid version of the member serves. Listeners of Gateways are decided on by the front end.
func (b *build) keepReplaced(p *port, made bool) {
	if b.e.FixedPorts {
		return
	}
	for _, i := range p.members {
		m := &b.members[i]
		last, known := b.past.Good[m.Object]
		if !known || m.State != quarantine.Current || quarantine.Remembered(last) != quarantine.LastGood {
			continue
		}
		if !slices.ContainsFunc(last.Listeners, func(was intent.Listener) bool {
			return !slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool { return l.Port == was.Port })
		}) {
			continue
		}
		wrong := func(d diag.Diagnostic) bool {
			return !made && d.Port == p.number || quarantine.BadCertificate(d)
		}
		for _, d := range b.notes[i] {
			if wrong(d) {
				b.fail(i, d)
			}
		}
		b.notes[i] = slices.DeleteFunc(b.notes[i], wrong)
	}
}

// listenerVersions are the last valid versions of listeners.
func (c *compiler) listenerVersions() map[diag.Object]map[string]string {
	if c.e.Listeners != nil {
		return c.e.Listeners
	}
	return c.before.Listeners
}

// withoutLost are versions without those that are not known.
func withoutLost(all map[diag.Object]map[string]string) map[diag.Object]map[string]string {
	out := make(map[diag.Object]map[string]string, len(all))
	for o, versions := range all {
		versions = maps.Clone(versions)
		maps.DeleteFunc(versions, func(_, text string) bool { return text == "" })
		out[o] = versions
	}
	return out
}
