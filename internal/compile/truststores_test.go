package compile

import (
	"errors"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// verifyingGateway is a Gateway whose HTTPS listener verifies clients by a trust store of its own.
func verifyingGateway(change ...func(*intent.Member)) intent.LoadBalancer {
	id := naming.TrustStoreID([]string{"shop/ca"})
	e := gatewayOf(stack.Application)
	m := &e.Members[0]
	mutualOn443(stack.MutualAuthentication{Mode: stack.MutualVerify, TrustStore: id})(m)
	m.TrustStores = []intent.TrustStore{{ID: id, Bundle: "-----BEGIN CERTIFICATE-----", Hash: "h1"}}
	for _, c := range change {
		c(m)
	}
	return e
}

func TestAListenerNamesATrustStoreOfTheStackOnceItIsActive(t *testing.T) {
	t.Parallel()
	e := verifyingGateway()
	id := e.Members[0].TrustStores[0].ID
	need := facts.Need{Kind: facts.NeedOwnTrustStores, Key: e.Key.String()}
	cfg := config()
	cfg.TrustStores = TrustStores{Bucket: "pki", Prefix: "trust-stores"}
	listener := stack.Ref{Kind: stack.KindListener, ID: "443"}
	for name, c := range map[string]struct {
		own    []facts.OwnTrustStore
		store  string // that the listener names; empty = it stays as it is, or is not made
		wanted bool   // the trust store is
	}{
		"none exists":         {wanted: true},
		"it is being created": {own: []facts.OwnTrustStore{{ARN: corpCA, ID: id}}, wanted: true},
		"it is active":        {own: []facts.OwnTrustStore{{ARN: corpCA, ID: id, Active: true}}, store: corpCA, wanted: true},
		"another one is": {own: []facts.OwnTrustStore{{ARN: corpCA, ID: "trust-store/other", Active: true}},
			wanted: true},
	} {
		f := account()
		f.OwnTrustStores, f.OwnTrustStoresKnown = c.own, true
		r := Compile(e, f, cfg, nil)
		s := mustBuild(t, r)
		at := slices.IndexFunc(s.Listeners, func(l stack.Listener) bool { return l.ID == "443" })
		if c.store == "" && (at >= 0 || !slices.Contains(r.Keep.Resources, listener)) || c.store != "" &&
			(at < 0 || s.Listeners[at].Mutual.TrustStore != c.store) {
			t.Errorf("%s: %+v", name, s.Listeners)
		}
		if (len(s.TrustStores) > 0) != c.wanted {
			t.Errorf("%s: %+v, %v", name, s.TrustStores, r.Keep.Resources)
		}
		for _, w := range s.TrustStores {
			if w.Bucket != "pki" || w.Key != "trust-stores/"+cfg.Cluster+"/"+w.Name+".pem" || w.Tags[naming.ContentTag] !=
				"h1" || w.Tags[naming.BundleTag] != "s3://pki/"+w.Key ||
				w.Tags[naming.ResourceTag(stack.GatewayALB)] != id {
				t.Errorf("%s: %+v", name, w)
			}
		}
	}
	f := account()
	f.Errors = map[facts.Need]error{need: errors.New("denied")}
	if r := Compile(e, f, cfg, nil); r.Stack != nil || !r.Diagnostics.HasErrors() { // nothing changes
		t.Errorf("unknown: %+v, %v", r.Stack, r.Diagnostics)
	}
	if r := Compile(e, account(), cfg, nil); !slices.Contains(r.Needs, need) {
		t.Errorf("needs %v", r.Needs)
	}
}

func TestTheTrustStoresOfAGatewayThatIsLeftOutStay(t *testing.T) {
	t.Parallel()
	f := account()
	f.OwnTrustStoresKnown = true
	good := Compile(verifyingGateway(), f, config(), nil)
	lost := verifyingGateway(broken("spec.x"), func(m *intent.Member) { m.TrustStores = nil })
	if r := Compile(lost, f, config(), good.Memory); r.Stack != nil && len(r.Stack.TrustStores) == 0 &&
		!slices.Contains(r.Keep.Resources, stack.Ref{Kind: stack.KindTrustStore}) {
		t.Errorf("%+v", r)
	}
}
