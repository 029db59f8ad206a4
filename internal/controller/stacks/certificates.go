package stacks

import (
	"context"
	"slices"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/certificate"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// CertificateWatcher reads the list of certificates for the stacks that find theirs by host: often while a host is
// without one, else seldom, and never if no stack does. The inventory wakes the stacks that a new certificate concerns.
type CertificateWatcher struct {
	Read   func(ctx context.Context, age time.Duration) error
	Owners []*Reconciler // of all kinds; those whose front end names no hosts need nothing
	Always bool          // read while no stack misses one, too
	Now    func() time.Time
	Log    logr.Logger

	failures int       // in a row
	next     time.Time // not before then
}

// CertificateTick is how often it is decided whether to look. It is no interval of retries: how old the list may be
// bounds the reads.
const CertificateTick = 2 * time.Second

// certificatePauses are those after looks that failed.
var certificatePauses = backoff.Policy{First: 5 * time.Second, Longest: time.Minute}

// Start runs until ctx ends; it implements manager.Runnable, and runs on the leader only.
func (w *CertificateWatcher) Start(ctx context.Context) error {
	queue.Every(queue.Background(ctx, awsclient.CertificateSet), CertificateTick, nil, w.Look)
	return nil
}

// Look reads the list of certificates, if it is time and a stack needs it.
func (w *CertificateWatcher) Look(ctx context.Context) {
	if w.Now().Before(w.next) {
		return
	}
	var asked, missed bool
	for _, s := range w.Owners {
		a, m := s.discoveries()
		asked, missed = asked || a, missed || m
	}
	var err error
	switch {
	case missed:
		err = w.Read(ctx, certificate.AwaitedInterval)
	case asked && w.Always:
		err = w.Read(ctx, certificate.OtherInterval)
	}
	if err == nil {
		w.failures, w.next = 0, time.Time{}
		return
	}
	w.failures++
	w.next = w.Now().Add(certificatePauses.Pause(w.failures))
	if ctx.Err() == nil {
		// the stacks that need one report it
		w.Log.V(1).Info("looking for certificates failed; it is tried again", "cause", err.Error())
	}
}

// discovery is what a stack asked of the list of certificates.
type discovery struct {
	hosts  []string // sorted, once each
	missed bool     // for one of them there was none
}

// discoveryOf is what the last compilation asked, for members as they are and for those whose last good version serves.
func discoveryOf(e intent.LoadBalancer, good map[diag.Object]intent.Member, found diag.List) discovery {
	var d discovery
	ask := func(m intent.Member) {
		for _, l := range m.Listeners {
			if !l.Certificates.Set || len(l.Certificates.Value) == 0 {
				d.hosts = append(d.hosts, l.DiscoverHosts...)
			}
		}
	}
	for _, m := range e.Members {
		ask(m)
		ask(good[m.Object])
	}
	slices.Sort(d.hosts)
	d.hosts = slices.Compact(d.hosts)
	d.missed = len(d.hosts) > 0 && slices.ContainsFunc(found, func(x diag.Diagnostic) bool {
		return x.Code == diag.CertificateNotFound
	})
	return d
}

// discoveries reports whether any stack finds certificates by host, and whether one of them is without.
func (s *Reconciler) discoveries() (asked, missed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.states {
		asked, missed = asked || len(st.discovery.hosts) > 0, missed || st.discovery.missed
	}
	return asked, missed
}

// CertificatesChanged wakes exactly the stacks that asked for a host that one of the names covers.
func (s *Reconciler) CertificatesChanged(names []string) {
	var concerned []stack.Key
	s.mu.Lock()
	for key, st := range s.states {
		if slices.ContainsFunc(st.discovery.hosts, func(host string) bool {
			return slices.ContainsFunc(names, func(name string) bool { return facts.Covers(name, host) })
		}) {
			concerned = append(concerned, key)
		}
	}
	s.mu.Unlock()
	s.Waker.Wake(queue.Normal, concerned...)
}
