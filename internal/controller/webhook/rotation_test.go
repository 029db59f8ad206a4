package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"math/rand"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/lib/servingcert"
)

// rotation is a cluster on a simulated clock: a leader, replicas that look at their own moments, and API servers that
// see changes of the webhook configurations some seconds late.
type rotation struct {
	t      *testing.T
	now    time.Time
	client client.Client
	random *rand.Rand

	leaders  []*rotationLeader
	replicas []*rotationReplica
	seen     []seenBundles // by time
	calm     time.Time     // until when requests are sent
	// allowed is until when refusals are no failure: somebody has just replaced the CA bundles.
	allowed time.Time
}

type seenBundles struct {
	at      time.Time
	bundles [][]byte
}

type rotationLeader struct {
	*Renewer
	next   time.Time
	writes failingWriter
}

// failingWriter fails to write webhook configurations until a time.
type failingWriter struct {
	client.Writer
	until *time.Time
	now   *time.Time
}

func (w failingWriter) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	if w.now.Before(*w.until) {
		return errors.New("a policy denies the request")
	}
	return w.Writer.Patch(ctx, o, p, opts...)
}

type rotationReplica struct {
	*Source
	next time.Time
	lags time.Time // until when it reads nothing
}

// rotationLife leaves all pauses as they are with the default lifetime.
const rotationLife = 20 * time.Hour

// apiServersSee are how late API servers see the webhook configurations.
var apiServersSee = []time.Duration{0, 4 * time.Second}

func newRotation(t *testing.T, seed int64) *rotation {
	t.Helper()
	r := &rotation{t: t, now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), random: rand.New(rand.NewSource(seed))}
	m, v := testConfigurations()
	v.Webhooks[0].ClientConfig.CABundle = nil
	_, r.client = newRenewer(t, &r.now, m, v)
	r.lead()
	r.run(5 * time.Second)
	r.replica()
	r.replica()
	r.run(time.Minute)
	if r.ready() != 2 {
		t.Fatal("the replicas are not ready")
	}
	return r
}

// lead adds a leader that has just started.
func (r *rotation) lead() *rotationLeader {
	k, _ := newRenewer(r.t, &r.now)
	k.Reader, k.Lifetime = r.client, rotationLife
	l := &rotationLeader{Renewer: k, next: r.now, writes: failingWriter{Writer: r.client, until: new(time.Time),
		now: &r.now}}
	k.Writer = l.writes
	r.leaders = append(r.leaders, l)
	return l
}

// replica adds a replica that has just started.
func (r *rotation) replica() *rotationReplica {
	k, _ := newRenewer(r.t, &r.now)
	k.Lifetime = rotationLife
	p := &rotationReplica{Source: newSource(k, r.client), next: r.now.Add(time.Duration(r.random.Intn(20)) * time.Second)}
	r.replicas = append(r.replicas, p)
	return p
}

// restart replaces the first replica by one that has just started.
func (r *rotation) restart() {
	r.t.Helper()
	r.replica()
	r.replicas = r.replicas[1:]
}

func (r *rotation) ready() int {
	n := 0
	for _, p := range r.replicas {
		if p.ready() {
			n++
		}
	}
	return n
}

// run lets a time pass. While something changes, it sends requests each second.
func (r *rotation) run(d time.Duration) {
	r.t.Helper()
	for end := r.now.Add(d); r.now.Before(end); {
		changed := r.look()
		for _, l := range r.leaders {
			if r.now.Before(l.next) {
				continue
			}
			l.next = r.now.Add(look(rotationLife))
			if err := l.Sync(r.t.Context()); err != nil {
				l.next = r.now.Add(2 * retry)
			}
			changed = r.look() || changed
		}
		for _, p := range r.replicas {
			changed = r.read(p) || changed
		}
		if changed {
			r.calm = r.now.Add(10 * time.Second)
		}
		if r.now.Before(r.calm) {
			r.request()
		}
		r.tick(end)
	}
}

// tick goes to the next second, or to the next moment at which somebody acts.
func (r *rotation) tick(end time.Time) {
	next := r.now.Add(time.Second)
	if r.now.After(r.calm) {
		next = end
		for _, l := range r.leaders {
			if l.next.Before(next) {
				next = l.next
			}
		}
		for _, p := range r.replicas {
			if at := p.due(); at.Before(next) {
				next = at
			}
		}
	}
	if next = next.Truncate(time.Second); !next.After(r.now) {
		next = r.now.Add(time.Second)
	}
	r.now = next
}

// due is when a replica looks next.
func (p *rotationReplica) due() time.Time {
	if p.lags.After(p.next) {
		return p.lags
	}
	return p.next
}

// read lets a replica look if it is due, and reports whether it shows another certificate.
func (r *rotation) read(p *rotationReplica) bool {
	if r.now.Before(p.due()) {
		return false
	}
	before := p.served()
	p.next = r.now.Add(pause(rotationLife))
	if err := p.read(r.t.Context()); err != nil || p.waiting.pem != nil {
		p.next = r.now.Add(retry)
	}
	return before != p.served()
}

// look remembers what the webhook configurations contain, and reports whether that changed.
func (r *rotation) look() bool {
	all, err := configurations(r.t.Context(), r.client, "hooks")
	if err != nil {
		r.t.Fatal(err)
	}
	now := bundlesOf(all)
	if n := len(r.seen); n > 0 && bytes.Equal(bytes.Join(r.seen[n-1].bundles, []byte{0}), bytes.Join(now, []byte{0})) {
		return false
	}
	r.seen = append(r.seen, seenBundles{r.now, now})
	return true
}

// request sends one request from each API server to each ready replica for each webhook.
func (r *rotation) request() {
	r.t.Helper()
	for _, late := range apiServersSee {
		var view [][]byte
		for _, s := range r.seen {
			if !s.at.After(r.now.Add(-late)) {
				view = s.bundles
			}
		}
		for i, p := range r.replicas {
			if view == nil || !p.ready() {
				continue
			}
			c, err := p.Certificate(&tls.ClientHelloInfo{})
			if err != nil {
				r.t.Fatal(err)
			}
			if trusting(view, c.Leaf, r.now) < len(view) && !r.now.Before(r.allowed) {
				r.t.Errorf("%s: an API server %s late refuses replica %d", r.now.Format(time.TimeOnly), late, i)
			}
		}
	}
}

func (r *rotation) secret() *corev1.Secret {
	r.t.Helper()
	s := &corev1.Secret{}
	if err := r.client.Get(r.t.Context(), secret, s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// put writes a bundle into the Secret.
func (r *rotation) put(b servingcert.Bundle) {
	r.t.Helper()
	s := r.secret()
	s.Data = map[string][]byte{keyCA: b.CA, keyCAKey: b.CAKey, corev1.TLSCertKey: b.Cert, corev1.TLSPrivateKeyKey: b.Key}
	if err := r.client.Update(r.t.Context(), s); err != nil {
		r.t.Fatal(err)
	}
}

// foreign is a bundle of another authority, issued some time ago.
func (r *rotation) foreign(age time.Duration) servingcert.Bundle {
	r.t.Helper()
	p := servingcert.Policy{Lifetime: rotationLife, Hosts: []string{"hook.kube-system.svc", "hook.kube-system",
		"127.0.0.1"}}
	b, _, err := servingcert.Renew(servingcert.Bundle{}, p, r.now.Add(-age))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *rotation) remove() {
	r.t.Helper()
	if err := r.client.Delete(r.t.Context(), r.secret()); err != nil {
		r.t.Fatal(err)
	}
}

// bundle replaces the CA bundle of each webhook.
func (r *rotation) bundle(ca []byte) {
	r.t.Helper()
	all, err := configurations(r.t.Context(), r.client, "hooks")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range all {
		for _, w := range c.webhooks {
			w.client.CABundle = ca
		}
		if err := r.client.Update(r.t.Context(), c.object); err != nil {
			r.t.Fatal(err)
		}
	}
	// The leader looks within its pause, and the last API server sees it.
	r.allowed = r.now.Add(look(rotationLife) + apiServersSee[len(apiServersSee)-1] + 2*time.Second)
}

// rotations replace the certificate, its authority or the published bundle.
var rotations = map[string]func(r *rotation){
	"the Secret is deleted": (*rotation).remove,
	"the Secret holds junk": func(r *rotation) {
		j := []byte("junk")
		r.put(servingcert.Bundle{CA: j, CAKey: j, Cert: j, Key: j})
	},
	"the certificate has expired": func(r *rotation) { r.put(r.foreign(100 * rotationLife)) },
	"another authority":           func(r *rotation) { r.put(r.foreign(time.Minute)) },
	"an older authority":          func(r *rotation) { r.put(r.foreign(rotationLife / 3)) },
	"a certificate that is due":   func(r *rotation) { r.put(r.foreign(rotationLife * 3 / 4)) },
	"another authority, two times": func(r *rotation) {
		r.put(r.foreign(time.Hour))
		r.run(time.Minute)
		r.put(r.foreign(time.Hour))
	},
	"the Secret is deleted always": func(r *rotation) {
		for range 20 {
			r.remove()
			r.run(7 * time.Second)
		}
	},
	"the leader dies at once": func(r *rotation) {
		r.put(r.foreign(time.Hour))
		r.leaders = nil
		r.run(20 * time.Second)
		r.lead()
	},
	"the leader dies after a while": func(r *rotation) {
		r.put(r.foreign(time.Hour))
		r.run(8 * time.Second)
		r.leaders = nil
		r.run(20 * time.Second)
		r.lead()
	},
	"two leaders": func(r *rotation) { r.lead(); r.remove() },
	"publishing fails": func(r *rotation) {
		*r.leaders[0].writes.until = r.now.Add(4 * time.Minute)
		r.put(r.foreign(time.Hour))
	},
	"publishing fails when the Secret is lost": func(r *rotation) {
		*r.leaders[0].writes.until = r.now.Add(4 * time.Minute)
		r.remove()
	},
	"a replica lags": func(r *rotation) {
		r.replicas[0].lags = r.now.Add(linger*settle - time.Minute)
		r.put(r.foreign(time.Hour))
	},
	"a replica starts": func(r *rotation) { r.put(r.foreign(time.Hour)); r.restart() },
	"a replica starts while nobody leads": func(r *rotation) {
		r.leaders = nil
		r.put(r.foreign(time.Hour))
		r.restart()
		r.run(time.Minute)
		r.lead()
	},
	"the bundle is emptied":     func(r *rotation) { r.bundle(nil) },
	"the bundle is another one": func(r *rotation) { r.bundle(r.foreign(time.Hour).CA) },
	"the bundle is emptied in a rotation": func(r *rotation) {
		r.put(r.foreign(time.Hour))
		r.run(15 * time.Second)
		r.bundle(nil)
	},
	"bundle and Secret are lost at the time": func(r *rotation) { r.remove(); r.bundle(nil) },
	"the authority is due": func(r *rotation) {
		for range 11 {
			r.now = r.now.Add(rotationLife * 2 / 3)
			r.run(5 * time.Minute)
		}
	},
	"the authority is due, and publishing fails": func(r *rotation) {
		for i := range 11 {
			r.now = r.now.Add(rotationLife * 2 / 3)
			if i == 9 {
				*r.leaders[0].writes.until = r.now.Add(8 * time.Minute)
			}
			r.run(10 * time.Minute)
		}
	},
}

// TestNoRequestIsRefusedWhileCertificatesChange plays each change of certificate, authority or published bundle.
// Only if somebody replaces the bundles, requests are refused, until the leader looks.
func TestNoRequestIsRefusedWhileCertificatesChange(t *testing.T) {
	t.Parallel()
	chosen := sample.OneOf(12)
	for _, name := range slices.Sorted(maps.Keys(rotations)) {
		rotate := rotations[name]
		if !chosen.Next() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range int64(1) {
				r := newRotation(t, seed)
				before := string(r.secret().Data[corev1.TLSCertKey])
				r.run(time.Duration(r.random.Intn(30)) * time.Second)
				byHand := r.allowed
				rotate(r)
				r.run(linger*settle + 6*time.Minute)
				s := r.secret()
				replaced := r.allowed != byHand
				if !replaced && string(s.Data[corev1.TLSCertKey]) == before {
					t.Error("the certificate is the former one")
				}
				for i, p := range r.replicas {
					if !bytes.Equal(p.pem, s.Data[corev1.TLSCertKey]) {
						t.Errorf("replica %d does not show the certificate of the Secret at the end", i)
					}
				}
				for _, ca := range r.seen[len(r.seen)-1].bundles {
					if !bytes.Equal(ca, s.Data[keyCA]) {
						t.Error("former authorities are trusted for good")
					}
				}
			}
		})
	}
}
