package compile

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// mergeMutual merges the mutual authentication of a port. A trust store by name equals the same one by ARN.
func (b *build) mergeMutual(p *port, on string) merge.Owned[stack.MutualAuthentication] {
	return merged(b, p, merge.Setting[stack.MutualAuthentication]{
		Name: "mutual-authentication", What: "mTLS Attributes" + on, Fallback: stack.MutualOff,
		Exists:    func(m stack.MutualAuthentication) bool { return b.existsMutual(p, m) },
		ByDefault: func() bool { return b.existsMutual(p, stack.MutualAuthentication{Mode: stack.MutualOff}) },
		Text: func(m stack.MutualAuthentication) string {
			m.TrustStore = b.trustStore(m.TrustStore)
			mode := m.Mode
			m.Mode = ""
			if m == (stack.MutualAuthentication{}) {
				return mode
			}
			return fmt.Sprintf("%s %+v", mode, m)
		},
		Show: func(m stack.MutualAuthentication) string { return strings.TrimSpace(m.Mode + " " + m.TrustStore) },
	}, func(l *intent.Listener) intent.Field[stack.MutualAuthentication] { return l.Mutual })
}

// trustStore is the ARN of a trust store if that is known, else its name.
func (b *build) trustStore(name string) string {
	if name == "" || strings.HasPrefix(name, "arn:") || naming.IsTrustStoreID(name) {
		return name
	}
	arn, known := b.f.TrustStores[name]
	if need := (facts.Need{Kind: facts.NeedTrustStore, Key: name}); !known && b.f.Failed(need) == nil {
		b.require(need)
	}
	return cmp.Or(arn, name)
}

// mutual is the mutual authentication of a port; nil = not managed. safe is false if clients are to be verified and the
// trust store is not known: then the listener stays as it is, or is not created.
func (b *build) mutual(p *port) (m *stack.MutualAuthentication, safe bool) {
	if p.protocol != "HTTPS" {
		return nil, true
	}
	if !p.mutual.Set {
		if b.cfg.Gates.EnhancedDefaultBehavior {
			return &stack.MutualAuthentication{Mode: stack.MutualOff}, true
		}
		return nil, true
	}
	out := p.mutual.Value
	name := out.TrustStore
	if naming.IsTrustStoreID(name) {
		out.TrustStore = b.ownTrustStore(p.mutual.Member, name, p.mutual.Source)
		return &out, out.TrustStore != ""
	}
	if out.TrustStore = b.trustStore(name); name == "" || strings.HasPrefix(out.TrustStore, "arn:") {
		return &out, true
	}
	o := b.members[p.mutual.Member].Object
	need := facts.Need{Kind: facts.NeedTrustStore, Key: name}
	if b.f.Failed(need) != nil {
		b.lookUpOf(p.mutual.Member, p.mutual.Source, need)
	} else if _, asked := b.f.TrustStores[name]; asked {
		b.fail(p.mutual.Member, diag.New(o, p.mutual.Source.Place(), diag.TrustStoreNotFound,
			fmt.Sprintf("trust store %s does not exist", name),
			"create the trust store in the load balancer's region, or name one that exists, by name or ARN"))
	}
	return nil, false
}
