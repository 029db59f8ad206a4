package diff

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const ownStore = "arn:aws:elasticloadbalancing:us-west-2:123456789012:truststore/k8s-shop-web-1/1"

// wantedStore is a trust store, and observedStore what AWS holds of it.
func wantedStore(hash string) stack.TrustStore {
	return stack.TrustStore{ID: "trust-store/1", Name: "k8s-shop-web-1", Bucket: "bucket", Key: "ca.pem",
		Bundle: "-----BEGIN CERTIFICATE-----" + hash, Hash: hash,
		Tags: map[string]string{naming.ContentTag: hash, naming.BundleTag: "s3://bucket/ca.pem"}}
}

func observedStore(hash string) awsop.TrustStore {
	t := awsop.TrustStore{ARN: ownStore, Status: awsop.TrustStoreActive, TrustStore: wantedStore(hash)}
	t.Bundle = ""
	return t
}

// verifying is a stack with an HTTPS listener that verifies clients by the trust store.
func verifying(hash string) *stack.Stack {
	s := secureStack("arn:aws:acm:us-west-2:123456789012:certificate/named")
	s.Certificates, s.TrustStores = nil, []stack.TrustStore{wantedStore(hash)}
	s.Listeners[len(s.Listeners)-1].Mutual = &stack.MutualAuthentication{Mode: stack.MutualVerify, TrustStore: ownStore}
	return s
}

func steps(p plan.Plan, names ...string) (out []plan.StepID) {
	for _, s := range p.Steps {
		if slices.Contains(names, plan.NameOf(s.Op)) {
			out = append(out, s.ID)
		}
	}
	return out
}

var ofStores = []string{"PutObject", "CreateTrustStore", "ModifyTrustStore", "DeleteTrustStore",
	"DeleteObject", "AddTags"}

func TestTrustStoreKeepsARNWithNewBundle(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.obs.TrustStores = []awsop.TrustStore{observedStore("h1")}
	f.converge(t, verifying("h1"), Options{})
	if p := Stack(verifying("h1"), stack.Keep{}, f.obs, Options{}); len(p.Steps) > 0 {
		t.Errorf("as wanted: %v", p.Steps)
	}
	p := Stack(verifying("h2"), stack.Keep{}, f.obs, Options{})
	if got := steps(p, ofStores...); !slices.Equal(got, []plan.StepID{"PutObject trust-store/1",
		"ModifyTrustStore trust-store/1", "AddTags trust-store/1"}) || len(p.Steps) != 3 {
		t.Errorf("another bundle: %v", got)
	}
	for i, s := range p.Steps[1:] { // the tag says what the trust store has, so it comes last
		if !slices.Contains(s.Needs, p.Steps[i].ID) {
			t.Errorf("%s does not wait for %s", s.ID, p.Steps[i].ID)
		}
	}
	without := verifying("h1")
	without.TrustStores, without.Listeners[len(without.Listeners)-1].Mutual = nil, nil
	p = Stack(without, stack.Keep{}, f.obs, Options{})
	gone, ok := p.Step("DeleteTrustStore trust-store/1")
	object, also := p.Step("DeleteObject trust-store/1")
	if !ok || !also || len(gone.After) == 0 || !slices.Contains(gone.Needs, object.ID) ||
		!slices.Contains(gone.After, "ModifyListener 443") {
		t.Errorf("not wanted: %+v, %+v", gone, object)
	}
	p = Stack(removed(), stack.Keep{}, f.obs, Options{})
	if s, ok := p.Step("DeleteTrustStore trust-store/1"); !ok || len(s.After) == 0 {
		t.Errorf("at the end: %+v", s)
	}
}

func TestTrustStoreInUseStays(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.obs.TrustStores = []awsop.TrustStore{observedStore("h1")}
	f.converge(t, verifying("h1"), Options{})
	for name, c := range map[string]struct {
		change func(*stack.Stack, *awsop.Observed)
		keep   stack.Keep
	}{
		"a listener has it": {change: func(s *stack.Stack, _ *awsop.Observed) { s.TrustStores = nil }},
		"it is kept": {func(s *stack.Stack, _ *awsop.Observed) { s.TrustStores, s.Listeners = nil, s.Listeners[:1] },
			stack.Keep{Resources: []stack.Ref{{Kind: stack.KindTrustStore}}}},
		"its bundle is unknown": {change: func(s *stack.Stack, _ *awsop.Observed) {
			s.TrustStores[0].Bundle, s.TrustStores[0].Hash, s.TrustStores[0].Tags = "", "", map[string]string{}
		}},
		"trust stores are unread": {change: func(s *stack.Stack, o *awsop.Observed) {
			s.TrustStores, s.Listeners, o.TrustStoresUnread = nil, s.Listeners[:1], &plan.Guard{}
		}},
		"settings are kept": {func(s *stack.Stack, _ *awsop.Observed) { s.TrustStores = nil }, stack.Keep{Settings: true}},
	} {
		want, o := verifying("h1"), f.obs.Clone()
		c.change(want, &o)
		if got := steps(Stack(want, c.keep, o, Options{}), ofStores...); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}
