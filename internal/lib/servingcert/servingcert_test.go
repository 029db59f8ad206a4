package servingcert

import (
	"bytes"
	"crypto/x509"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func policy(hosts ...string) Policy {
	return Policy{Lifetime: 90 * 24 * time.Hour, Settle: 2 * time.Minute, Hosts: hosts}
}

// trusted reports whether a client that trusts ca accepts the certificate of b for host.
func trusted(t *testing.T, ca []byte, b Bundle, host string, at time.Time) bool {
	t.Helper()
	c, err := b.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: at, DNSName: host})
	return err == nil
}

func renew(t *testing.T, b Bundle, p Policy, at time.Time) (Bundle, bool) {
	t.Helper()
	b, changed, err := Renew(b, p, at)
	if err != nil {
		t.Fatal(err)
	}
	return b, changed
}

func TestTheFirstCertificateIsForEveryHostAtOnce(t *testing.T) {
	t.Parallel()
	b, changed := renew(t, Bundle{}, policy("hook.kube-system.svc", "127.0.0.1"), start)
	if !changed {
		t.Error("nothing was made")
	}
	for host, want := range map[string]bool{"hook.kube-system.svc": true, "127.0.0.1": true, "other.svc": false} {
		if got := trusted(t, b.CA, b, host, start); got != want {
			t.Errorf("%s: trusted %v", host, got)
		}
	}
	if again, changed := renew(t, b, policy("hook.kube-system.svc", "127.0.0.1"), start.Add(time.Hour)); changed || !bytes.Equal(again.Cert, b.Cert) {
		t.Error("it was made anew an hour later")
	}
}

func TestWhatIsUnusableOrForOtherHostsIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	p := policy("a.svc")
	b, _ := renew(t, Bundle{}, p, start)
	foreign, _ := renew(t, Bundle{}, p, start)
	for name, broken := range map[string]Bundle{
		"without certificate":        {CA: b.CA, CAKey: b.CAKey},
		"without authority":          {Cert: b.Cert, Key: b.Key},
		"with a foreign certificate": {CA: b.CA, CAKey: b.CAKey, Cert: foreign.Cert, Key: foreign.Key},
		"with a foreign key":         {CA: b.CA, CAKey: b.CAKey, Cert: b.Cert, Key: foreign.Key},
		"with the key of another":    {CA: b.CA, CAKey: foreign.CAKey, Cert: b.Cert, Key: b.Key},
		"with rubbish":               {CA: []byte("x"), CAKey: []byte("y"), Cert: []byte("z"), Key: []byte("z")},
	} {
		got, changed := renew(t, broken, p, start.Add(time.Minute))
		if !changed || !trusted(t, got.CA, got, "a.svc", start.Add(time.Minute)) {
			t.Errorf("%s: changed %v", name, changed)
		}
	}
	if got, changed := renew(t, b, policy("b.svc"), start.Add(time.Hour)); !changed || !trusted(t, b.CA, got, "b.svc", start.Add(time.Hour)) {
		t.Errorf("another host: changed %v", changed)
	}
	if _, _, err := Renew(b, policy(), start); err == nil {
		t.Error("a certificate for nobody")
	}
}

// TestClientsTrustTheCertificateAtEveryMomentOfThreeAuthorities plays a server and a client, each of which learns what is new a
// minute late, over years.
func TestClientsTrustTheCertificateAtEveryMomentOfThreeAuthorities(t *testing.T) {
	t.Parallel()
	for _, lifetime := range []time.Duration{90 * 24 * time.Hour, time.Hour, 20 * time.Minute} {
		p := Policy{Lifetime: lifetime, Settle: lifetime / 10, Hosts: []string{"a.svc"}}
		step := lifetime / 20
		b, _ := renew(t, Bundle{}, p, start)
		served, known := b, b.CA
		authorities, certificates := map[string]bool{}, map[string]bool{}
		for now := start; now.Before(start.Add(25 * lifetime)); now = now.Add(step) {
			if !trusted(t, known, served, "a.svc", now) {
				t.Fatalf("lifetime %v: not trusted %v after the start", lifetime, now.Sub(start))
			}
			before := b
			b, _ = renew(t, b, p, now)
			authorities[string(b.CAKey)], certificates[string(b.Cert)] = true, true
			// What the other side does not know yet must work with what it has.
			if !trusted(t, known, b, "a.svc", now) {
				t.Fatalf("lifetime %v: a new certificate is not trusted %v after the start by clients without its authority for one step", lifetime, now.Sub(start))
			}
			if !trusted(t, b.CA, served, "a.svc", now) {
				t.Fatalf("lifetime %v: %v after the start the published authorities do not cover what is served", lifetime, now.Sub(start))
			}
			served, known = b, before.CA
		}
		if len(authorities) < 3 || len(certificates) < 30 {
			t.Errorf("lifetime %v: %d authorities and %d certificates in 25 lifetimes", lifetime, len(authorities), len(certificates))
		}
		if n := len(b.authorities(start)); n > 2 {
			t.Errorf("%d authorities are kept", n)
		}
	}
}

func TestAuthoritiesThatWereLostAreTrustedUntilTheNewOneHasSettled(t *testing.T) {
	t.Parallel()
	p := policy("a.svc")
	lost, _ := renew(t, Bundle{}, p, start)
	at := start.Add(time.Hour)
	made, _ := renew(t, Bundle{}, p, at)
	for _, tt := range []struct {
		name   string
		after  time.Duration
		former []byte
		want   bool
	}{
		{"at once", 0, lost.CA, true}, {"before it has settled", time.Minute, lost.CA, true}, {"after that", p.Settle, lost.CA, false}, {"an authority that has expired", 0, nil, false},
	} {
		if tt.former == nil {
			old, _ := renew(t, Bundle{}, p, start.Add(-10*authorityLives*p.Lifetime))
			tt.former = old.CA
		}
		ca := made.Trusted(tt.former, p, at.Add(tt.after))
		if !trusted(t, ca, made, "a.svc", at.Add(tt.after)) {
			t.Errorf("%s: the new certificate is not trusted", tt.name)
		}
		if got := trusted(t, ca, lost, "a.svc", at.Add(tt.after)); got != tt.want {
			t.Errorf("%s: the lost certificate is trusted: %t", tt.name, got)
		}
	}
	if got := made.Trusted([]byte("text"), p, at); !bytes.Equal(got, made.CA) {
		t.Error("what is no certificate is kept")
	}
	if got := made.Trusted(made.CA, p, at); !bytes.Equal(got, made.CA) {
		t.Error("an authority is there twice")
	}
}

func TestABundleReportsWhyItsCertificateCannotBeServed(t *testing.T) {
	t.Parallel()
	p := policy("a.svc")
	b, _ := renew(t, Bundle{}, p, start)
	other, _ := renew(t, Bundle{}, p, start)
	mixed := b
	mixed.CA = other.CA
	for _, tt := range []struct {
		b    Bundle
		at   time.Time
		want string
	}{
		{b, start, ""}, {b, start.Add(p.Lifetime), "the serving certificate has expired on 2026-07-30T12:00:00Z"}, {mixed, start, "not of the authorities beside it"}, {Bundle{}, start, "reading the serving certificate"},
	} {
		err := tt.b.Invalid(tt.at)
		if err == nil && tt.want != "" || err != nil && (tt.want == "" || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}
