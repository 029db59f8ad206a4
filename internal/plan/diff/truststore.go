package diff

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func trustStoreRef(id string) stack.Ref { return stack.Ref{Kind: stack.KindTrustStore, ID: id} }

// place is the location of a trust store's bundle, in the format of its tag.
func place(t stack.TrustStore) string { return naming.Bundle(t.Bucket, t.Key) }

// wantedTrustStores plans the stack's own trust stores, except for deletions. No step waits for a trust store: the
// stack names it in a listener as soon as it is active.
func (d *differ) wantedTrustStores() {
	if d.obs.TrustStoresUnread != nil {
		return
	}
	for _, w := range d.want.TrustStores {
		r := trustStoreRef(w.ID)
		at := slices.IndexFunc(d.obs.TrustStores, func(t awsop.TrustStore) bool { return t.ID == w.ID })
		if at < 0 {
			if w.Bundle == "" {
				continue
			}
			put := d.upload(plan.Create, w)
			s := d.step(plan.Create, r, plan.Normal, awsop.CreateTrustStore{TrustStore: w},
				fmt.Sprintf("CA certificates: %d", strings.Count(w.Bundle, "-----BEGIN ")))
			s.Need(put)
			d.made[r] = s.ID
			continue
		}
		have := &d.obs.TrustStores[at]
		d.ownTrustStores[have.ARN] = true
		d.known[r] = have.ARN
		d.renewTrustStore(have, w)
	}
}

// upload plans the upload of a bundle.
func (d *differ) upload(a plan.Action, w stack.TrustStore) plan.StepID {
	return d.step(a, trustStoreRef(w.ID), plan.Normal, awsop.PutObject{Bucket: w.Bucket, Key: w.Key, Content: w.Bundle},
		"authorities of clients to "+place(w)).ID
}

// renewTrustStore gives a trust store another bundle, and its tags, of which the bundle's comes last.
func (d *differ) renewTrustStore(have *awsop.TrustStore, w stack.TrustStore) {
	if w.Bundle == "" { // not known: the tags do not change
		return
	}
	r := trustStoreRef(w.ID)
	var modified []plan.StepID
	former := have.Tags[naming.BundleTag]
	if have.Hash != w.Hash || former != place(w) {
		put := d.upload(plan.Update, w)
		why := change("authorities", quoteEmpty(have.Hash), w.Hash)
		if have.Hash == w.Hash {
			why = change("bundle", quoteEmpty(former), place(w))
		}
		s := d.step(plan.Update, r, plan.Normal, awsop.ModifyTrustStore{Ref: r, TrustStore: w}, why)
		s.Need(put)
		modified = append(modified, s.ID)
	}
	if s := d.tags(r, have.Tags, w.Tags); s != nil {
		s.Lane = plan.Normal
		s.Need(modified...)
		modified = append(modified, s.ID)
	}
	if former != place(w) {
		if s := d.deleteBundle(r, plan.Cosmetic, former); s != nil {
			s.Need(modified...)
		}
	}
}

// deleteBundle plans the deletion of an object that a tag of a trust store names; nil if it names none.
func (d *differ) deleteBundle(r stack.Ref, lane plan.Lane, tag string) *plan.Step {
	bucket, key, ok := strings.Cut(strings.TrimPrefix(tag, "s3://"), "/")
	if !ok || !strings.HasPrefix(tag, "s3://") {
		return nil
	}
	return d.step(plan.Delete, r, lane, awsop.DeleteObject{Bucket: bucket, Key: key},
		"no trust store uses it any more")
}

// deleteTrustStores deletes unwanted trust stores, after nothing uses them. The bundle is deleted first, because
// afterwards nothing shows where it is.
func (d *differ) deleteTrustStores() {
	if d.obs.TrustStoresUnread != nil || slices.Contains(d.keep.Resources, stack.Ref{Kind: stack.KindTrustStore}) {
		return
	}
	for i := range d.obs.TrustStores {
		t := &d.obs.TrustStores[i]
		if d.ownTrustStores[t.ARN] || d.verifiesBy(t.ARN) {
			continue
		}
		r := stack.Ref{Kind: stack.KindTrustStore, ID: t.ID, Literal: t.ARN}
		bundle := d.deleteBundle(r, plan.Normal, t.Tags[naming.BundleTag])
		s := d.step(plan.Delete, r, plan.Normal, awsop.DeleteTrustStore{
			TrustStore: stack.Literal(stack.KindTrustStore, t.ARN)}, "is no longer wanted")
		s.Follow(d.releasing()...)
		if bundle != nil {
			s.Need(bundle.ID)
		}
	}
}

// released returns the mutual authentication for a listener that no longer declares any: off, if a trust store
// verifies clients that will be deleted; otherwise nil, which changes nothing.
func (d *differ) released(have stack.Listener) *stack.MutualAuthentication {
	if have.Mutual == nil || have.Mutual.TrustStore == "" || slices.Contains(d.keep.Resources,
		stack.Ref{Kind: stack.KindTrustStore}) {
		return nil
	}
	for _, t := range d.obs.TrustStores {
		if t.ARN == have.Mutual.TrustStore && !slices.ContainsFunc(d.want.TrustStores,
			func(w stack.TrustStore) bool { return w.ID == t.ID }) {
			return &stack.MutualAuthentication{Mode: stack.MutualOff}
		}
	}
	return nil
}

// verifiesBy reports whether a wanted or kept listener verifies clients by the trust store.
func (d *differ) verifiesBy(arn string) bool {
	has := func(l stack.Listener) bool { return l.Mutual != nil && l.Mutual.TrustStore == arn }
	return slices.ContainsFunc(d.want.Listeners, has) ||
		slices.ContainsFunc(d.obs.Listeners, func(l awsop.Listener) bool { return d.kept[l.ARN] && has(l.Listener) })
}
