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
	if again, changed := renew(t, b, policy("hook.kube-system.svc", "127.0.0.1"), start.Add(time.Hour)); changed ||
		!bytes.Equal(again.Cert, b.Cert) {
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
	if got, changed := renew(t, b, policy("b.svc"), start.Add(time.Hour)); !changed || !trusted(t, b.CA, got, "b.svc",
		start.Add(time.Hour)) {
		t.Errorf("another host: changed %v", changed)
	}
	if _, _, err := Renew(b, policy(), start); err == nil {
		t.Error("a certificate for nobody")
	}
}

// TestClientsTrustCertificateThroughoutRenewals plays a server and a client, each of which learns what
// is new a minute late, over years.
func TestClientsTrustCertificateThroughoutRenewals(t *testing.T) {
	t.Parallel()
	for _, lifetime := range []time.Duration{90 * 24 * time.Hour, time.Hour, 20 * time.Minute} {
		p := Policy{Lifetime: lifetime, Settle: lifetime / 10, Hosts: []string{"a.svc"}}
		step := lifetime / 20
		b, _ := renew(t, Bundle{}, p, start)
		served, known := b, b.CA
		authorities, certificates := map[string]bool{}, map[string]bool{}
		newest, since := b.Newest(start), start
		for now := start; now.Before(start.Add(25 * lifetime)); now = now.Add(step) {
			if !trusted(t, known, served, "a.svc", now) {
				t.Fatalf("lifetime %v: not trusted %v after the start", lifetime, now.Sub(start))
			}
			before := b
			if n := b.Newest(now); n != newest {
				newest, since = n, now
			}
			p.Published = since
			b, _ = renew(t, b, p, now)
			authorities[string(b.CAKey)], certificates[string(b.Cert)] = true, true
			// What the other side does not know yet must work with what it has.
			if !trusted(t, known, b, "a.svc", now) {
				t.Fatalf("lifetime %v: a new certificate is not trusted %v after the start by clients without its "+
					"authority for one step", lifetime, now.Sub(start))
			}
			if !trusted(t, b.CA, served, "a.svc", now) {
				t.Fatalf("lifetime %v: %v after the start the published authorities do not cover what is served", lifetime,
					now.Sub(start))
			}
			served, known = b, before.CA
		}
		if len(authorities) < 3 || len(certificates) < 30 {
			t.Errorf("lifetime %v: %d authorities and %d certificates in 25 lifetimes", lifetime, len(authorities),
				len(certificates))
		}
		if n := len(b.authorities(start)); n > 2 {
			t.Errorf("%d authorities are kept", n)
		}
	}
}

func TestNewAuthoritySignsOnlyOncePublished(t *testing.T) {
	t.Parallel()
	p := policy("a.svc")
	old, _ := renew(t, Bundle{}, p, start)
	at := start.Add(2 * authorityLives * p.Lifetime / 3)
	old.Cert, old.Key = leafUnder(t, old, p, at.Add(-time.Hour))
	b, changed := renew(t, old, p, at)
	if !changed || b.Newest(at) == old.Newest(at) || !bytes.Equal(b.Cert, old.Cert) {
		t.Fatal("the authority is due, and a new one is not made beside the certificate of the former one")
	}
	if b.PublishedIn(old.CA, at) || !b.PublishedIn(b.CA, at) {
		t.Error("whether the new authority is published is not told")
	}
	for _, tt := range []struct {
		name      string
		published time.Time
		want      bool
	}{{"never", time.Time{}, false}, {"a minute ago", at.Add(time.Hour - time.Minute), false},
		{"long enough", at.Add(time.Hour - p.Settle), true}} {
		p.Published = tt.published
		if after, _ := renew(t, b, p, at.Add(time.Hour)); bytes.Equal(after.Cert, b.Cert) == tt.want {
			t.Errorf("published %s: it signs %t, want %t", tt.name, !tt.want, tt.want)
		}
	}
}

// leafUnder is a certificate of the newest authority of a bundle, issued at a time.
func leafUnder(t *testing.T, b Bundle, p Policy, at time.Time) (cert, key []byte) {
	t.Helper()
	b.Cert, b.Key = nil, nil
	b, _ = renew(t, b, p, at)
	return b.Cert, b.Key
}

func TestFormerAuthoritiesAreTrustedBesideNewOnes(t *testing.T) {
	t.Parallel()
	p := policy("a.svc")
	lost, _ := renew(t, Bundle{}, p, start)
	at := start.Add(time.Hour)
	made, _ := renew(t, Bundle{}, p, at)
	expired, _ := renew(t, Bundle{}, p, start.Add(-10*authorityLives*p.Lifetime))
	if ca := made.With(lost.CA, at); !trusted(t, ca, made, "a.svc", at) || !trusted(t, ca, lost, "a.svc", at) {
		t.Error("one of both is not trusted")
	}
	for name, former := range map[string][]byte{"text": []byte("text"), "the same": made.CA, "expired": expired.CA} {
		if got := made.With(former, at); !bytes.Equal(got, made.CA) {
			t.Errorf("%s: something is added", name)
		}
	}
	many := made.CA
	for range mostTrusted + 3 {
		other, _ := renew(t, Bundle{}, p, at)
		many = other.With(many, at)
	}
	if n := len((Bundle{CA: many}).authorities(at)); n != mostTrusted {
		t.Errorf("%d authorities are trusted", n)
	}
	if b := made.With(many, at); !trusted(t, b, made, "a.svc", at) {
		t.Error("the new authority is the one that has no place")
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
		{b, start, ""}, {b, start.Add(p.Lifetime), "the serving certificate has expired on 2026-07-30T12:00:00Z"},
		{mixed, start, "not of the authorities beside it"}, {Bundle{}, start, "reading the serving certificate"},
	} {
		err := tt.b.Invalid(tt.at)
		if err == nil && tt.want != "" || err != nil && (tt.want == "" || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}
