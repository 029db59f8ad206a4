package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ownTrustStore is the ARN of a trust store that the stack owns for member i, and adds the trust store to the stack;
// empty while it is not known or not active.
func (b *build) ownTrustStore(i int, id string, source intent.Source) string {
	at := slices.IndexFunc(b.members[i].TrustStores, func(t intent.TrustStore) bool { return t.ID == id })
	if at < 0 {
		return ""
	}
	need := facts.Need{Kind: facts.NeedOwnTrustStores, Key: b.e.Key.String()}
	switch problem := b.f.Failed(need); {
	case problem != nil:
		b.keepAll(stack.KindTrustStore)
		b.problem(-1, source, problem)
		return ""
	case !b.f.OwnTrustStoresKnown:
		b.require(need)
		return ""
	}
	b.declareTrustStore(i, b.members[i].TrustStores[at])
	for _, own := range b.f.OwnTrustStores {
		if own.ID == id && own.Active {
			return own.ARN
		}
	}
	return ""
}

// unproven reports whether AWS lacks the trust store that a port keeps although its authorities are not valid. Then
// nothing shows that the port verified clients, so it is closed.
func (b *build) unproven(p *port) bool {
	id := p.mutual.Value.TrustStore
	if !p.mutual.Set || !b.f.OwnTrustStoresKnown ||
		slices.ContainsFunc(b.f.OwnTrustStores, func(o facts.OwnTrustStore) bool { return o.ID == id }) ||
		!slices.ContainsFunc(b.members[p.mutual.Member].TrustStores, func(t intent.TrustStore) bool {
			return t.ID == id && t.Kept
		}) {
		return false
	}
	d := diag.New(b.members[p.mutual.Member].Object, p.mutual.Source.Place(), diag.InvalidCACertificate,
		fmt.Sprintf("port %d is closed: no CA certificate is valid, and AWS has no trust store of them", p.number),
		"correct what the CA certificate references (caCertificateRefs) name").In(diag.Certificate)
	d.Port = p.number
	b.note(p.mutual.Member, d)
	return true
}

// declareTrustStore adds a trust store to the stack, once.
func (b *build) declareTrustStore(i int, t intent.TrustStore) {
	b.trace(stack.KindTrustStore, t.ID, []int{i}, map[string]intent.Source{"Bundle": t.Source})
	if slices.ContainsFunc(b.trustStores, func(w stack.TrustStore) bool { return w.ID == t.ID }) {
		return
	}
	user, sources := keyed(b, merge.Setting[string]{Name: "trust-store-tag", What: "tag", Among: []int{i}},
		nil, b.userTags)
	name := naming.TrustStore(b.cfg.Cluster, b.e.Key, t.ID)
	w := stack.TrustStore{
		ID: t.ID, Name: name, Bucket: b.cfg.TrustStores.Bucket, Key: naming.TrustStoreObject(b.cfg.TrustStores.Prefix,
			b.cfg.Cluster, name),
		Bundle: t.Bundle, Hash: t.Hash, Tags: b.tags(user, t.ID),
	}
	w.Tags[naming.ContentTag], w.Tags[naming.BundleTag] = t.Hash, naming.Bundle(w.Bucket, w.Key)
	b.trustStores = append(b.trustStores, w)
	b.traceKeys(stack.KindTrustStore, t.ID, "Tags", sources)
}

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
	o := b.members[p.mutual.Member].Object
	if strings.HasPrefix(name, "arn:") {
		problem, elsewhere := b.ofARN(constraint.TrustStore, name)
		if problem == "" {
			return &out, true
		}
		b.fail(p.mutual.Member, diag.New(o, p.mutual.Source.Place(), codeOfARN(p.mutual.Source, elsewhere,
			diag.TrustStoreNotFound), problem, "name a trust store of the load balancer's Region, by name or by an ARN like "+
			"arn:aws:elasticloadbalancing:REGION:ACCOUNT:truststore/NAME/ID"))
		return nil, false
	}
	if out.TrustStore = b.trustStore(name); name == "" || strings.HasPrefix(out.TrustStore, "arn:") {
		return &out, true
	}
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
