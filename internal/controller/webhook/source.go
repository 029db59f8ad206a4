package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/lib/servingcert"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// Source provides the server of every replica with the certificate that the Renewer stores. It shows a new certificate
// once the webhook configurations trust it, and until then the former one.
type Source struct {
	Reader client.Reader // not cached
	Secret types.NamespacedName
	// Configurations is the name of the webhook configurations, as the Renewer's.
	Configurations string
	Lifetime       time.Duration // as the Renewer's
	Now            func() time.Time
	Log            logr.Logger
	// Report, if it is set, takes why there is no certificate: that the Secret may not be read at once, anything else once
	// the leader had the time to issue the first certificate; nil = there is one.
	Report func(error)

	mu          sync.RWMutex
	pem         []byte
	certificate *tls.Certificate

	// waiting is the certificate that read waits to show; only read uses it.
	waiting candidate
}

// candidate is a certificate of the Secret that is not shown yet.
type candidate struct {
	pem []byte
	// first is when it was first read, and trusted since when all webhooks trust it; zero = they do not.
	first, trusted time.Time
}

// patience is how long a replica without any certificate waits until the webhooks trust the one of the Secret. It is
// not ready meanwhile, so that API servers ask other replicas.
const patience = settle

// distribution is how long an authority is published before a certificate of it replaces a trusted one. API servers see
// the webhook configuration a moment later than the replica.
func distribution(lifetime time.Duration) time.Duration { return min(10*time.Second, lifetime/40) }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*Source) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable; it reads the Secret until ctx ends.
func (s *Source) Start(ctx context.Context) error {
	last := ""
	for failures := 0; ; {
		wait := pause(s.Lifetime)
		err := s.read(ctx)
		switch {
		case err == nil && s.waiting.pem != nil:
			wait, failures, last = retry, 0, ""
		case err == nil:
			failures, last = 0, ""
		default:
			wait = retry
			failures++
		}
		if err != nil && ctx.Err() == nil && s.ready() && err.Error() != last {
			last = err.Error()
			s.Log.Error(err, "cannot read the certificate of the webhooks; the webhooks use the previous one")
		}
		if s.Report != nil && ctx.Err() == nil &&
			(failures == 0 || (failures > issueAttempts || apierrors.IsForbidden(err)) && !s.ready()) {
			s.Report(err)
		}
		if sleep.For(ctx, wait) != nil {
			return nil //nolint:nilerr // the process ends
		}
	}
}

// issueAttempts is how often the Secret may be unreadable before it is reported: the first leader makes it.
const issueAttempts = 20

func (s *Source) ready() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.certificate != nil
}

// read replaces the certificate by that of the Secret. If that is invalid, has expired, or is not trusted yet, the
// former certificate stays.
func (s *Source) read(ctx context.Context) error {
	o := &corev1.Secret{}
	if err := s.Reader.Get(ctx, s.Secret, o); err != nil {
		return fmt.Errorf("reading Secret %s: %w", s.Secret, err)
	}
	b := bundleOf(o)
	s.mu.RLock()
	known := bytes.Equal(s.pem, b.Cert)
	s.mu.RUnlock()
	if known {
		s.waiting = candidate{}
		return nil
	}
	c, err := b.Certificate()
	if err != nil {
		return fmt.Errorf("secret %s: %w", s.Secret, err)
	}
	if end := c.Leaf.NotAfter; s.ready() && !s.Now().Before(end) {
		return fmt.Errorf("secret %s: the certificate has expired on %s", s.Secret, end.UTC().Format(time.RFC3339))
	}
	if show, err := s.decide(ctx, b.Cert, c.Leaf); err != nil || !show {
		return err
	}
	s.waiting = candidate{}
	s.mu.Lock()
	s.pem, s.certificate = b.Cert, c
	s.mu.Unlock()
	s.Log.Info("serving the webhooks with a new certificate", "secret", s.Secret.String())
	return nil
}

// decide reports whether a new certificate is shown now. If its authority is not published, it is not, while the former
// one serves.
func (s *Source) decide(ctx context.Context, pem []byte, leaf *x509.Certificate) (bool, error) {
	now := s.Now()
	if !bytes.Equal(s.waiting.pem, pem) {
		s.waiting = candidate{pem: pem, first: now}
	}
	all, err := configurations(ctx, s.Reader, s.Configurations)
	if apierrors.IsForbidden(err) {
		return true, nil // as it cannot know
	}
	if err != nil {
		return false, err
	}
	bundles := bundlesOf(all)
	trust := trusting(bundles, leaf, now)
	if trust < len(bundles) {
		s.waiting.trusted = time.Time{}
	} else if s.waiting.trusted.IsZero() {
		s.waiting.trusted = now
	}
	since := now.Sub(s.waiting.trusted)
	if former := s.served(); former != nil {
		before := trusting(bundles, former, now)
		if trust == before && trust == len(bundles) {
			return since >= distribution(s.Lifetime), nil
		}
		return trust >= before, nil
	}
	published := s.waiting.trusted.Equal(s.waiting.first) // before this replica started
	if trust == len(bundles) && (published || since >= distribution(s.Lifetime)) || now.Sub(s.waiting.first) >= patience {
		return true, nil
	}
	return false, fmt.Errorf("secret %s: API servers do not trust its certificate yet; the leader writes its authority "+
		"into the webhook configurations %s",
		s.Secret, s.Configurations)
}

// trusting is how many CA bundles trust a certificate.
func trusting(bundles [][]byte, leaf *x509.Certificate, now time.Time) int {
	n := 0
	for _, ca := range bundles {
		if servingcert.Trusted(leaf, ca, now) {
			n++
		}
	}
	return n
}

// served is the certificate that is shown; nil = none.
func (s *Source) served() *x509.Certificate {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.certificate == nil {
		return nil
	}
	return s.certificate.Leaf
}

// Validity is from when until when the certificate that is served is valid; zero = there is none yet.
func (s *Source) Validity() (from, until time.Time) {
	if c := s.served(); c != nil {
		return c.NotBefore, c.NotAfter
	}
	return time.Time{}, time.Time{}
}

// Certificate returns a tls.Config.GetCertificate. Handshakes fail until there is a first certificate.
func (s *Source) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.certificate == nil {
		return nil, errors.New("the leader has not issued the certificate of the webhooks yet")
	}
	return s.certificate, nil
}
