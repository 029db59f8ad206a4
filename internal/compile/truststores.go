package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
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
