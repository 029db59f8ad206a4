package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Source provides the server of every replica with the certificate that the Renewer stores.
type Source struct {
	Reader   client.Reader // not cached
	Secret   types.NamespacedName
	Lifetime time.Duration // as the Renewer's
	Now      func() time.Time
	Log      logr.Logger
	// Report, if it is set, takes why there is no certificate: that the Secret may not be read at once, anything else once the leader had the time to issue
	// the first certificate; nil = there is one.
	Report func(error)

	mu          sync.RWMutex
	pem         []byte
	certificate *tls.Certificate
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*Source) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable; it reads the Secret until ctx ends.
func (s *Source) Start(ctx context.Context) error {
	last := ""
	for failures := 0; ; {
		wait := pause(s.Lifetime)
		err := s.read(ctx)
		if err == nil {
			failures, last = 0, ""
		} else {
			wait = retry
			failures++
		}
		if err != nil && ctx.Err() == nil && s.ready() && err.Error() != last {
			last = err.Error()
			s.Log.Error(err, "cannot read the certificate of the webhooks; they are served with the former one")
		}
		if s.Report != nil && ctx.Err() == nil && (failures == 0 || (failures > issueAttempts || apierrors.IsForbidden(err)) && !s.ready()) {
			s.Report(err)
		}
		if !sleep(ctx, wait) {
			return nil
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

// read replaces the certificate by that of the Secret. If that is invalid or has expired, the former certificate stays.
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
		return nil
	}
	c, err := b.Certificate()
	if err != nil {
		return fmt.Errorf("secret %s: %w", s.Secret, err)
	}
	if end := c.Leaf.NotAfter; s.ready() && !s.Now().Before(end) {
		return fmt.Errorf("secret %s: the certificate has expired on %s", s.Secret, end.UTC().Format(time.RFC3339))
	}
	s.mu.Lock()
	s.pem, s.certificate = b.Cert, c
	s.mu.Unlock()
	s.Log.Info("serving the webhooks with a new certificate", "secret", s.Secret.String())
	return nil
}

// End is when the certificate that is served expires; zero = there is none yet.
func (s *Source) End() time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.certificate == nil {
		return time.Time{}
	}
	return s.certificate.Leaf.NotAfter
}

// Certificate is a tls.Config.GetCertificate. Handshakes fail until there is a first certificate.
func (s *Source) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.certificate == nil {
		return nil, errors.New("the leader has not issued the certificate of the webhooks yet")
	}
	return s.certificate, nil
}
