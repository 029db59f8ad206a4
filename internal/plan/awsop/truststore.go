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

func (PutObject) About() *plan.About { return unseen().setting("Mutual").About }
func (PutObject) advance(*advancer)  {} // objects are not observed

// DeleteObject deletes the bundle of a trust store from S3; one that is gone is no error.
type DeleteObject struct{ Bucket, Key string }

func (DeleteObject) About() *plan.About { return unseen().removes().About }
func (DeleteObject) advance(*advancer)  {}

// CreateTrustStore makes a trust store of a bundle that was uploaded.
type CreateTrustStore struct{ TrustStore stack.TrustStore }

func (CreateTrustStore) About() *plan.About {
	return creates(stack.KindTrustStore, "").setting("Mutual").About
}
func (o CreateTrustStore) advance(a *advancer) {
	t := TrustStore{ARN: a.out.ID, Status: a.out.State, TrustStore: o.TrustStore}
	t.Bundle, t.Tags = "", merged(o.TrustStore.Tags, nil)
	a.o.TrustStores = added(a.o.TrustStores, t, (*TrustStore).id)
}

// ModifyTrustStore gives a trust store the bundle that was uploaded last. Listeners go on with it.
type ModifyTrustStore struct {
	Ref        stack.Ref
	TrustStore stack.TrustStore
}

func (o ModifyTrustStore) About() *plan.About { return changes(o.Ref).setting("Mutual").About }
func (o ModifyTrustStore) advance(a *advancer) {
	a.trustStore(o.Ref, func(t *TrustStore) { t.Hash = o.TrustStore.Hash })
}

// DeleteTrustStore deletes a trust store; AWS refuses while a listener uses it.
type DeleteTrustStore struct{ TrustStore stack.Ref }

func (o DeleteTrustStore) About() *plan.About {
	return deletes(o.TrustStore, "the listeners to let go of the trust store").About
}
func (o DeleteTrustStore) advance(a *advancer) {
	a.o.TrustStores = dropped(a.o.TrustStores, a.resolve(o.TrustStore), (*TrustStore).id)
}

func (t *TrustStore) id() string { return t.ARN }

func (a *advancer) trustStore(r stack.Ref, change func(*TrustStore)) {
	update(a.o.TrustStores, a.resolve(r), (*TrustStore).id, change)
}
