package awsop

import (
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// TrustStore is an observed trust store of the stack, with the value of the resource tag as its ID. The hash and the
// place of its bundle are what its tags say.
type TrustStore struct {
	ARN    string
	Status string // CREATING or ACTIVE
	stack.TrustStore
}

// TrustStoreActive is the status of a trust store that listeners can use.
const TrustStoreActive = "ACTIVE"

// PutObject uploads the bundle of a trust store to S3, over the one that is there.
type PutObject struct {
	Bucket, Key string
	Content     string `json:"-"`
}

func (PutObject) Refs() []stack.Ref   { return nil }
func (PutObject) Traits() plan.Traits { return plan.Traits{Setting: "Mutual"} }
func (o PutObject) Send(s Sender)     { s.PutObject(o) }
func (PutObject) effect() Effect      { return Effect{} }
func (PutObject) advance(advancer)    {} // objects are not observed

// DeleteObject deletes the bundle of a trust store from S3; one that is gone is no error.
type DeleteObject struct{ Bucket, Key string }

func (DeleteObject) Refs() []stack.Ref   { return nil }
func (DeleteObject) Traits() plan.Traits { return plan.Traits{Removes: true} }
func (o DeleteObject) Send(s Sender)     { s.DeleteObject(o) }
func (DeleteObject) effect() Effect      { return Effect{} }
func (DeleteObject) advance(advancer)    {}

// CreateTrustStore makes a trust store of a bundle that was uploaded.
type CreateTrustStore struct{ TrustStore stack.TrustStore }

func (CreateTrustStore) Refs() []stack.Ref   { return nil }
func (CreateTrustStore) Traits() plan.Traits { return plan.Traits{Setting: "Mutual"} }
func (o CreateTrustStore) Send(s Sender)     { s.CreateTrustStore(o) }
func (CreateTrustStore) effect() Effect      { return Effect{Kind: stack.KindTrustStore, Verb: Creates} }
func (o CreateTrustStore) advance(a advancer) {
	t := TrustStore{ARN: a.out.ID, Status: a.out.State, TrustStore: o.TrustStore}
	t.Bundle, t.Tags = "", merged(o.TrustStore.Tags, nil)
	a.o.TrustStores = added(a.o.TrustStores, t, (*TrustStore).id)
}

// ModifyTrustStore gives a trust store the bundle that was uploaded last. Listeners go on with it.
type ModifyTrustStore struct {
	Ref        stack.Ref
	TrustStore stack.TrustStore
}

func (o ModifyTrustStore) Refs() []stack.Ref { return []stack.Ref{o.Ref} }
func (ModifyTrustStore) Traits() plan.Traits { return plan.Traits{Setting: "Mutual"} }
func (o ModifyTrustStore) Send(s Sender)     { s.ModifyTrustStore(o) }
func (o ModifyTrustStore) effect() Effect    { return changes(o.Ref) }
func (o ModifyTrustStore) advance(a advancer) {
	a.trustStore(o.Ref, func(t *TrustStore) { t.Hash = o.TrustStore.Hash })
}

// DeleteTrustStore deletes a trust store; AWS refuses while a listener uses it.
type DeleteTrustStore struct{ TrustStore stack.Ref }

func (o DeleteTrustStore) Refs() []stack.Ref { return []stack.Ref{o.TrustStore} }
func (DeleteTrustStore) Traits() plan.Traits {
	return plan.Traits{Removes: true, UsedBy: "the listeners to let go of the trust store"}
}
func (o DeleteTrustStore) Send(s Sender)  { s.DeleteTrustStore(o) }
func (o DeleteTrustStore) effect() Effect { return deletes(o.TrustStore) }
func (o DeleteTrustStore) advance(a advancer) {
	a.o.TrustStores = dropped(a.o.TrustStores, a.resolve(o.TrustStore), (*TrustStore).id)
}

func (t *TrustStore) id() string { return t.ARN }

func (a advancer) trustStore(r stack.Ref, change func(*TrustStore)) {
	if t := found(a.o.TrustStores, a.resolve(r), (*TrustStore).id); t != nil {
		change(t)
	}
}
