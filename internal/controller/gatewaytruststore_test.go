package controller

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// authorityPEM is the certificate of an authority.
func authorityPEM(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// trustStoreLab has Gateway shop/web, which verifies clients by ConfigMap shop/ca at port 443, and the bucket "pki".
func trustStoreLab(t *testing.T, profile account.Profile) (*lab, *gatewayv1.Gateway, *corev1.ConfigMap, stack.Key) {
	t.Helper()
	g, class := labGateway("web", "alb", 443, gatewayv1.HTTPSProtocolType)
	ca := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ca"}, Data: map[string]string{"ca.crt": authorityPEM(t, "first")}}
	g.Spec.TLS = &gatewayv1.GatewayTLSConfig{Frontend: &gatewayv1.FrontendTLSConfig{Default: gatewayv1.TLSConfig{Validation: &gatewayv1.FrontendTLSValidation{
		CACertificateRefs: []gatewayv1.ObjectReference{{Kind: "ConfigMap", Name: "ca"}}}}}}
	l := newLab(t, profile, class, ca)
	l.config.TrustStores.Bucket, l.config.TrustStores.Prefix = "pki", "trust-stores"
	l.sim.Account.Lock()
	l.must(l.sim.Account.Buckets.Make("pki"))
	l.sim.Account.Unlock()
	certificates, err := l.sim.Trust.ListCertificates(l.Context(), &acm.ListCertificatesInput{})
	l.must(err)
	host := gatewayv1.Hostname(strings.Replace(aws.ToString(certificates.CertificateSummaryList[0].DomainName), "*", "web", 1))
	g.Spec.Listeners[0].Hostname = &host
	l.must(l.client.Create(l.Context(), g))
	l.restart()
	return l, g, ca, gatewayKey(stack.GatewayALB, "web")
}

// trustStore is the one trust store of the account, with the name of its one authority; nil if there is none.
func (l *lab) trustStore() (t *account.TrustStore, authority string) {
	l.Helper()
	l.sim.Account.Lock()
	defer l.sim.Account.Unlock()
	all := l.sim.Account.TrustStoresInOrder()
	switch {
	case len(all) > 1:
		l.Fatalf("%d trust stores", len(all))
	case len(all) == 1:
		return all[0], all[0].Authorities[0].Subject.CommonName
	}
	return nil, ""
}

// bundle is the object of S3 that a trust store was made of.
func (l *lab) bundle(t *account.TrustStore) (string, bool) {
	l.sim.Account.Lock()
	defer l.sim.Account.Unlock()
	key := strings.TrimPrefix(t.Tags["gateway.k8s.aws/ca-bundle"], "s3://pki/")
	content, err := l.sim.Account.Buckets.Object("pki", key, 1<<20)
	return string(content), err == nil
}

// verifiesBy are the trust stores of the listeners.
func (l *lab) verifiesBy() (arns []string) {
	l.sim.Account.Lock()
	defer l.sim.Account.Unlock()
	for _, x := range l.sim.Account.ListenersInOrder() {
		arns = append(arns, x.MutualTLS.TrustStore)
	}
	return arns
}

func TestTheAuthoritiesOfAGatewayLiveInATrustStoreOfItsOwn(t *testing.T) {
	t.Parallel()
	l, g, ca, key := trustStoreLab(t, account.Profile{TrustStoreActive: 10 * time.Second})
	l.settle(key)
	made, authority := l.trustStore()
	if made == nil || authority != "first" || !slices.Equal(l.verifiesBy(), []string{made.ARN}) || made.Tags["elbv2.k8s.aws/cluster"] == "" {
		t.Fatalf("made: %+v, listeners %v", made, l.verifiesBy())
	}
	if content, ok := l.bundle(made); !ok || content != ca.Data["ca.crt"] {
		t.Errorf("the bundle is %q", content)
	}
	mark := l.mark()
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	g.Labels = map[string]string{"touched": "yes"}
	l.must(l.client.Update(t.Context(), g))
	l.settle(key)
	if got := slices.Concat(l.writes(mark), l.reads(mark)); len(got) > 0 {
		t.Errorf("touched: %v", got)
	}
	ca.Data["ca.crt"] = authorityPEM(t, "second")
	l.must(l.client.Update(t.Context(), ca))
	mark = l.mark()
	l.settle(key)
	if now, authority := l.trustStore(); now == nil || now.ARN != made.ARN || authority != "second" || !slices.Equal(l.writes(mark), []string{"PutObject", "ModifyTrustStore", "AddTags"}) {
		t.Errorf("another authority: %v, %s, %v", now, authority, l.writes(mark))
	}
	l.restart()
	mark = l.mark()
	l.settle(key)
	if got := l.writes(mark); len(got) > 0 {
		t.Errorf("after a restart: %v", got)
	}
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	if c := meta.FindStatusCondition(g.Status.Listeners[0].Conditions, "Programmed"); c == nil || c.Status != metav1.ConditionTrue {
		t.Errorf("%+v", g.Status.Listeners)
	}
	g.Spec.TLS = nil
	l.must(l.client.Update(t.Context(), g))
	l.restart()
	l.settle(key)
	if now, _ := l.trustStore(); now != nil || !slices.Equal(l.verifiesBy(), []string{""}) {
		t.Errorf("not declared any more: %v stays, listeners %v", now, l.verifiesBy())
	}
}

func TestATrustStoreGoesWithItsGatewayAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]bool{"at once": false, "after a restart": true} {
		l, g, _, key := trustStoreLab(t, account.Profile{})
		l.settle(key)
		made, _ := l.trustStore()
		if made == nil {
			t.Fatalf("%s: no trust store", name)
		}
		if restart {
			l.restart()
		}
		l.must(l.client.Delete(t.Context(), g))
		l.settle(key)
		if now, _ := l.trustStore(); now != nil || l.get(&gatewayv1.Gateway{}, "web") {
			t.Errorf("%s: %v stays, listeners %v", name, now, l.verifiesBy())
		}
		if _, ok := l.bundle(made); ok {
			t.Errorf("%s: the bundle stays", name)
		}
	}
}

func TestTrustStoresComeAndGoWhateverCallFails(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"PutObject", "CreateTrustStore", "ModifyTrustStore", "AddTags", "DeleteTrustStore", "DeleteObject", "DescribeTrustStores"} {
		for name, fault := range map[string]gate.Fault{
			"refused": {Kind: "internal"}, "lost": {Lose: true}, "throttled": {Kind: "throttled"},
		} {
			t.Run(action+" "+name, func(t *testing.T) {
				t.Parallel()
				l, g, ca, key := trustStoreLab(t, account.Profile{})
				fault.Action, fault.Times = action, 1
				if _, err := l.sim.Gate.AddFault(fault); err != nil {
					t.Fatal(err)
				}
				l.settle(key)
				made, authority := l.trustStore()
				if made == nil || authority != "first" || !slices.Equal(l.verifiesBy(), []string{made.ARN}) {
					t.Fatalf("made: %+v, listeners %v", made, l.verifiesBy())
				}
				ca.Data["ca.crt"] = authorityPEM(t, "second")
				l.must(l.client.Update(t.Context(), ca))
				l.settle(key)
				if now, authority := l.trustStore(); now == nil || now.ARN != made.ARN || authority != "second" {
					t.Errorf("another authority: %v, %s", now, authority)
				}
				l.must(l.client.Delete(t.Context(), g))
				l.settle(key)
				if now, _ := l.trustStore(); now != nil {
					t.Errorf("%v stays", now)
				}
				if _, ok := l.bundle(made); ok {
					t.Error("the bundle stays")
				}
			})
		}
	}
}

func TestAConfigMapWithoutAuthoritiesTakesItsPortOutOfService(t *testing.T) {
	t.Parallel()
	l, g, ca, key := trustStoreLab(t, account.Profile{})
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	g.Spec.Listeners = append(g.Spec.Listeners, gatewayv1.Listener{Name: "plain", Port: 80, Protocol: gatewayv1.HTTPProtocolType})
	l.must(l.client.Update(t.Context(), g))
	l.settle(key)
	if got := l.verifiesBy(); len(got) != 2 {
		t.Fatalf("listeners %v", got)
	}
	l.must(l.client.Delete(context.Background(), ca))
	l.settle(key)
	if now, _ := l.trustStore(); now != nil || !slices.Equal(l.verifiesBy(), []string{""}) {
		t.Errorf("%v stays, listeners %v", now, l.verifiesBy())
	}
}

// TestClientCertificatesAreNoLongerPassedOnceThatIsNotDeclared has a restart before, and a call to AWS that fails first.
func TestClientCertificatesAreNoLongerPassedOnceThatIsNotDeclared(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]bool{"at once": false, "after a refusal and a restart": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, g, _, key := trustStoreLab(t, account.Profile{})
			modes := func() (out []string) {
				l.sim.Account.Lock()
				defer l.sim.Account.Unlock()
				for _, x := range l.sim.Account.ListenersInOrder() {
					out = append(out, x.MutualTLS.Mode)
				}
				return out
			}
			record := func() string {
				l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
				return g.Annotations["gateway.k8s.aws/client-certificates-passed"]
			}
			l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
			g.Spec.TLS.Frontend.Default.Validation.Mode = gatewayv1.AllowInsecureFallback
			l.must(l.client.Update(t.Context(), g))
			l.settle(key)
			if got := modes(); !slices.Equal(got, []string{"passthrough"}) || record() != "true" {
				t.Fatalf("modes %v, record %q", got, record())
			}
			g.Spec.TLS = nil
			l.must(l.client.Update(t.Context(), g))
			if refused {
				_, err := l.sim.Gate.AddFault(gate.Fault{ID: "modify", Action: "ModifyListener", Kind: "throttled"})
				l.must(err)
				for range 5 {
					_, _ = l.round(key)
					l.clock.Advance(time.Second)
				}
				if got := modes(); !slices.Equal(got, []string{"passthrough"}) || record() != "true" {
					t.Fatalf("while AWS refuses: modes %v, record %q", got, record())
				}
				l.sim.Gate.RemoveFault("modify")
				l.restart()
			}
			l.settle(key)
			if got := modes(); !slices.Equal(got, []string{"off"}) || record() != "false" {
				t.Errorf("modes %v, record %q", got, record())
			}
			mark := l.mark()
			l.restart()
			l.settle(key)
			if got := l.writes(mark); len(got) > 0 {
				t.Errorf("after that: %v", got)
			}
		})
	}
}

func TestATrustStoreGoesAlsoIfTheProcessEndsBeforeItIsDeleted(t *testing.T) {
	t.Parallel()
	l, g, _, key := trustStoreLab(t, account.Profile{})
	l.settle(key)
	made, _ := l.trustStore()
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	g.Spec.TLS = nil
	l.must(l.client.Update(t.Context(), g))
	_, err := l.sim.Gate.AddFault(gate.Fault{ID: "delete", Action: "DeleteTrustStore", Kind: "internal"})
	l.must(err)
	for range 5 {
		_, _ = l.round(key)
		l.clock.Advance(time.Second)
	}
	if now, _ := l.trustStore(); now == nil || !slices.Equal(l.verifiesBy(), []string{""}) {
		t.Fatalf("%v, listeners %v", now, l.verifiesBy())
	}
	l.sim.Gate.RemoveFault("delete")
	l.restart()
	l.settle(key)
	if now, _ := l.trustStore(); now != nil {
		t.Errorf("%v stays", now)
	}
	if _, ok := l.bundle(made); ok {
		t.Error("the bundle stays")
	}
}
