package gateways

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// trustStore is the one trust store of the account, with the name of its one authority; nil if there is none.
func trustStore(l *lab.Lab) (t *account.TrustStore, authority string) {
	l.Helper()
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	all := l.Sim.Account.TrustStoresInOrder()
	switch {
	case len(all) > 1:
		l.Fatalf("%d trust stores", len(all))
	case len(all) == 1:
		return all[0], all[0].Authorities[0].Subject.CommonName
	}
	return nil, ""
}

// bundle is the object of S3 that a trust store was made of.
func bundle(l *lab.Lab, t *account.TrustStore) (string, bool) {
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	key := strings.TrimPrefix(t.Tags["gateway.k8s.aws/ca-bundle"], "s3://pki/")
	content, err := l.Sim.Account.Buckets.Object("pki", key, 1<<20)
	return string(content), err == nil
}

// verifiesBy are the trust stores of the listeners.
func verifiesBy(l *lab.Lab) (arns []string) {
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	for _, x := range l.Sim.Account.ListenersInOrder() {
		arns = append(arns, x.MutualTLS.TrustStore)
	}
	return arns
}

func TestTheAuthoritiesOfAGatewayLiveInATrustStoreOfItsOwn(t *testing.T) {
	t.Parallel()
	l, g, ca, key := lab.TrustStoreLab(t, account.Profile{TrustStoreActive: 10 * time.Second})
	l.Settle(key)
	made, authority := trustStore(l)
	if made == nil || authority != "first" || !slices.Equal(verifiesBy(l), []string{made.ARN}) ||
		made.Tags["elbv2.k8s.aws/cluster"] == "" {
		t.Fatalf("made: %+v, listeners %v", made, verifiesBy(l))
	}
	if content, ok := bundle(l, made); !ok || content != ca.Data["ca.crt"] {
		t.Errorf("the bundle is %q", content)
	}
	mark := l.Mark()
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	g.Labels = map[string]string{"touched": "yes"}
	l.Must(l.Client.Update(t.Context(), g))
	l.Settle(key)
	if got := slices.Concat(l.Writes(mark), l.Reads(mark)); len(got) > 0 {
		t.Errorf("touched: %v", got)
	}
	ca.Data["ca.crt"] = lab.AuthorityPEM(t, "second")
	l.Must(l.Client.Update(t.Context(), ca))
	mark = l.Mark()
	l.Settle(key)
	if now, authority := trustStore(l); now == nil || now.ARN != made.ARN || authority != "second" ||
		!slices.Equal(l.Writes(mark), []string{"PutObject", "ModifyTrustStore", "AddTags"}) {
		t.Errorf("another authority: %v, %s, %v", now, authority, l.Writes(mark))
	}
	l.Restart()
	mark = l.Mark()
	l.Settle(key)
	if got := l.Writes(mark); len(got) > 0 {
		t.Errorf("after a restart: %v", got)
	}
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	if c := meta.FindStatusCondition(g.Status.Listeners[0].Conditions, "Programmed"); c == nil ||
		c.Status != metav1.ConditionTrue {
		t.Errorf("%+v", g.Status.Listeners)
	}
	g.Spec.TLS = nil
	l.Must(l.Client.Update(t.Context(), g))
	l.Restart()
	l.Settle(key)
	if now, _ := trustStore(l); now != nil || !slices.Equal(verifiesBy(l), []string{""}) {
		t.Errorf("not declared any more: %v stays, listeners %v", now, verifiesBy(l))
	}
}

func TestATrustStoreGoesWithItsGatewayAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]bool{"at once": false, "after a restart": true} {
		l, g, _, key := lab.TrustStoreLab(t, account.Profile{})
		l.Settle(key)
		made, _ := trustStore(l)
		if made == nil {
			t.Fatalf("%s: no trust store", name)
		}
		if restart {
			l.Restart()
		}
		l.Must(l.Client.Delete(t.Context(), g))
		l.Settle(key)
		if now, _ := trustStore(l); now != nil || l.Get(&gatewayv1.Gateway{}, "web") {
			t.Errorf("%s: %v stays, listeners %v", name, now, verifiesBy(l))
		}
		if _, ok := bundle(l, made); ok {
			t.Errorf("%s: the bundle stays", name)
		}
	}
}

func TestTrustStoresComeAndGoWhateverCallFails(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"PutObject", "CreateTrustStore", "ModifyTrustStore", "AddTags", "DeleteTrustStore",
		"DeleteObject", "DescribeTrustStores"} {
		for name, fault := range map[string]gate.Fault{
			"refused": {Kind: "internal"}, "lost": {Lose: true}, "throttled": {Kind: "throttled"},
		} {
			t.Run(action+" "+name, func(t *testing.T) {
				t.Parallel()
				l, g, ca, key := lab.TrustStoreLab(t, account.Profile{})
				fault.Action, fault.Times = action, 1
				if _, err := l.Sim.Gate.AddFault(fault); err != nil {
					t.Fatal(err)
				}
				l.Settle(key)
				made, authority := trustStore(l)
				if made == nil || authority != "first" || !slices.Equal(verifiesBy(l), []string{made.ARN}) {
					t.Fatalf("made: %+v, listeners %v", made, verifiesBy(l))
				}
				ca.Data["ca.crt"] = lab.AuthorityPEM(t, "second")
				l.Must(l.Client.Update(t.Context(), ca))
				l.Settle(key)
				if now, authority := trustStore(l); now == nil || now.ARN != made.ARN || authority != "second" {
					t.Errorf("another authority: %v, %s", now, authority)
				}
				l.Must(l.Client.Delete(t.Context(), g))
				l.Settle(key)
				if now, _ := trustStore(l); now != nil {
					t.Errorf("%v stays", now)
				}
				if _, ok := bundle(l, made); ok {
					t.Error("the bundle stays")
				}
			})
		}
	}
}

// TestMissingAuthoritiesKeepVerifying deletes the ConfigMap with the authorities: the port goes on to verify by those
// that the trust store has, also after a restart.
func TestMissingAuthoritiesKeepVerifying(t *testing.T) {
	t.Parallel()
	l, g, ca, key := lab.TrustStoreLab(t, account.Profile{})
	l.Settle(key)
	made, _ := trustStore(l)
	mark := l.Mark()
	l.Must(l.Client.Delete(context.Background(), ca))
	for range 2 {
		l.Settle(key)
		if now, authority := trustStore(l); now == nil || authority != "first" ||
			!slices.Equal(verifiesBy(l), []string{made.ARN}) || len(l.Writes(mark)) > 0 {
			t.Errorf("%v, listeners %v, calls %v", now, verifiesBy(l), l.Writes(mark))
		}
		l.Restart()
	}
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	for kind, want := range map[string]string{"Accepted": "NoValidCACertificate",
		"Programmed": "NoValidCACertificate", "ResolvedRefs": "InvalidCACertificateRef"} {
		if c := meta.FindStatusCondition(g.Status.Listeners[0].Conditions, kind); c == nil || c.Reason != want {
			t.Errorf("%s: %+v", kind, c)
		}
	}
	ca.ResourceVersion = ""
	ca.Data["ca.crt"] = lab.AuthorityPEM(t, "second")
	l.Must(l.Client.Create(context.Background(), ca))
	l.Settle(key)
	if now, authority := trustStore(l); now == nil || now.ARN != made.ARN || authority != "second" {
		t.Errorf("made again: %v, %s", now, authority)
	}
}

// TestClientCertificatesAreNoLongerPassedOnceThatIsNotDeclared has a restart before, and a call to AWS that fails
// first.
func TestClientCertificatesAreNoLongerPassedOnceThatIsNotDeclared(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]bool{"at once": false, "after a refusal and a restart": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, g, _, key := lab.TrustStoreLab(t, account.Profile{})
			modes := func() (out []string) {
				l.Sim.Account.Lock()
				defer l.Sim.Account.Unlock()
				for _, x := range l.Sim.Account.ListenersInOrder() {
					out = append(out, x.MutualTLS.Mode)
				}
				return out
			}
			record := func() string {
				l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
				return g.Annotations["gateway.k8s.aws/client-certificates-passed"]
			}
			l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
			g.Spec.TLS.Frontend.Default.Validation.Mode = gatewayv1.AllowInsecureFallback
			l.Must(l.Client.Update(t.Context(), g))
			l.Settle(key)
			if got := modes(); !slices.Equal(got, []string{"passthrough"}) || record() != "true" {
				t.Fatalf("modes %v, record %q", got, record())
			}
			g.Spec.TLS = nil
			l.Must(l.Client.Update(t.Context(), g))
			if refused {
				_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "modify", Action: "ModifyListener", Kind: "throttled"})
				l.Must(err)
				for range 5 {
					_, _ = l.Round(key)
					l.Clock.Advance(time.Second)
				}
				if got := modes(); !slices.Equal(got, []string{"passthrough"}) || record() != "true" {
					t.Fatalf("while AWS refuses: modes %v, record %q", got, record())
				}
				l.Sim.Gate.RemoveFault("modify")
				l.Restart()
			}
			l.Settle(key)
			if got := modes(); !slices.Equal(got, []string{"off"}) || record() != "false" {
				t.Errorf("modes %v, record %q", got, record())
			}
			mark := l.Mark()
			l.Restart()
			l.Settle(key)
			if got := l.Writes(mark); len(got) > 0 {
				t.Errorf("after that: %v", got)
			}
		})
	}
}

func TestATrustStoreGoesAlsoIfTheProcessEndsBeforeItIsDeleted(t *testing.T) {
	t.Parallel()
	l, g, _, key := lab.TrustStoreLab(t, account.Profile{})
	l.Settle(key)
	made, _ := trustStore(l)
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	g.Spec.TLS = nil
	l.Must(l.Client.Update(t.Context(), g))
	_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "delete", Action: "DeleteTrustStore", Kind: "internal"})
	l.Must(err)
	for range 5 {
		_, _ = l.Round(key)
		l.Clock.Advance(time.Second)
	}
	if now, _ := trustStore(l); now == nil || !slices.Equal(verifiesBy(l), []string{""}) {
		t.Fatalf("%v, listeners %v", now, verifiesBy(l))
	}
	l.Sim.Gate.RemoveFault("delete")
	l.Restart()
	l.Settle(key)
	if now, _ := trustStore(l); now != nil {
		t.Errorf("%v stays", now)
	}
	if _, ok := bundle(l, made); ok {
		t.Error("the bundle stays")
	}
}
