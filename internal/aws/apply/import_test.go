package apply_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// importing is a stack that owns what one Secret held at its nth edit, and nothing else.
func (w certified) importing(n int64) *stack.Stack {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: "www.certified.dev"}, DNSNames: []string{
			"www.certified.dev"},
		NotBefore: w.clock.Now().Add(-time.Hour), NotAfter: w.clock.Now().AddDate(2, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		w.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	s := requesting("web", "")
	id := naming.ImportedCertificateID("shop", "web-tls")
	tags := naming.Tracking(stack.Ingress, testCluster, "shop/web", id)
	tags[naming.ContentTag] = fmt.Sprint("hash-", n)
	s.Certificates = []stack.Certificate{{ID: id, Domain: "www.certified.dev", Names: []string{"www.certified.dev"},
		Tags: tags, Import: &stack.KeyPair{
			Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
			Key:         stack.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), ""),
			Algorithm:   "EC_prime256v1", Hash: fmt.Sprint("hash-", n),
		}}}
	return s
}

// imports counts the calls.
func (w certified) imports() int {
	return len(w.sim.Gate.Calls(gate.Filter{Action: "ImportCertificate"}))
}

// refusal is the outcome of the step that imports, which must be refused.
func (w certified) refusal(s *stack.Stack) *diag.Diagnostic {
	w.t.Helper()
	p, r, err := w.pass(s, diff.Options{}, 8)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, step := range p.Steps {
		if o := r.Outcomes[step.ID]; plan.NameOf(step.Op) == "ImportCertificate" && o.State == apply.Prevented {
			return &o.Problem
		}
	}
	w.t.Fatalf("nothing is refused:\n%s", p.Text(plan.TextOptions{})+outcomes(p, r))
	return nil
}

func TestImportsOfRewrittenSecretWaitLonger(t *testing.T) {
	t.Parallel()
	w := newCertified(t)
	var n int64
	for range 10 {
		n++
		w.settle(w.importing(n))
	}
	if got := w.imports(); got != 10 {
		t.Fatalf("%d imports of ten edits", got)
	}
	for _, pause := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		n++
		s := w.importing(n)
		d := w.refusal(s)
		if d.Code != diag.ImportsHeld || !strings.Contains(d.Text, "www.certified.dev") ||
			!strings.Contains(d.Text, "waits until") || d.Remedy == "" {
			t.Fatalf("refused with %+v", d)
		}
		before := w.imports()
		w.clock.Advance(pause - 5*time.Second)
		_ = w.refusal(s)
		w.clock.Advance(10 * time.Second)
		w.settle(s)
		if w.imports() != before+1 {
			t.Fatalf("%d imports more after %s", w.imports()-before, pause)
		}
	}
	// Deleting the Ingress and making it anew forgets nothing, and another kind of key is another import.
	w.settle(requesting("web", ""))
	_ = w.refusal(w.importing(n + 1))
	// Whatever rewrites it for a month uses up what a year's quota does not notice, and a quiet week frees it.
	before := w.imports()
	for range 30 * 24 {
		n++
		w.clock.Advance(time.Hour)
		if _, _, err := w.pass(w.importing(n), diff.Options{}, 8); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.imports() - before; got < 30 || got > 100 {
		t.Errorf("%d imports in a month of hourly edits", got)
	}
	w.clock.Advance(8 * 24 * time.Hour)
	before = w.imports()
	for range 10 {
		n++
		w.settle(w.importing(n))
	}
	if got := w.imports() - before; got != 10 {
		t.Errorf("%d imports of ten edits after a quiet week", got)
	}
}

func TestImportsOfAnyProcessAreCountedUntilAYearHasPassed(t *testing.T) {
	t.Parallel()
	w := newCertified(t)
	for n := range int64(3) {
		w.settle(w.importing(n + 1))
	}
	foreign := w.importing(100).Certificates[0].Import
	if _, err := w.sim.Trust.ImportCertificate(t.Context(), &acm.ImportCertificateInput{
		Certificate: []byte(foreign.Certificate), PrivateKey: []byte(foreign.Key.Reveal())}); err != nil {
		t.Fatal(err)
	}
	look := func(want int, why string) {
		t.Helper()
		w.clock.Advance(2 * time.Minute)
		if err := w.inv.Certificates().Read(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if got := w.inv.Certificates().ImportsLastYear(); got != want {
			t.Errorf("%s: %d imports, want %d", why, got, want)
		}
	}
	look(4, "three of ours and another")
	w.settle(requesting("web", ""))
	look(4, "what is deleted stays used up")
	w.settle(w.importing(4))
	look(5, "imported anew")
	w.restart()
	look(2, "a restart knows what listings tell")
	obs, err := w.inv.Observed(t.Context(), w.importing(4).Key, w.importing(4))
	if err != nil || len(obs.Certificates) != 1 {
		t.Fatalf("certificates %v, %v", obs.Certificates, err)
	}
	again := w.importing(101).Certificates[0].Import
	if _, err := w.sim.Trust.ImportCertificate(t.Context(), &acm.ImportCertificateInput{
		CertificateArn: &obs.Certificates[0].ARN, Certificate: []byte(again.Certificate),
		PrivateKey: []byte(again.Key.Reveal()),
	}); err != nil {
		t.Fatal(err)
	}
	look(3, "somebody else's import under our ARN is noticed")
	w.clock.Advance(366 * 24 * time.Hour)
	if got := w.inv.Certificates().ImportsLastYear(); got != 0 {
		t.Errorf("after a year %d", got)
	}
}
