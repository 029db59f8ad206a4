package stacks

import (
	"context"
	"slices"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/certificate"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// CertificateWatcher reads the list of certificates for the stacks that find certificates by host: often while a host
// has no certificate, otherwise seldom. If no stack finds any by host, it reads only when the certificates of listeners
// expire, for metrics, alerts and checks. The inventory wakes the stacks that a new certificate concerns.
type CertificateWatcher struct {
	Read   func(ctx context.Context, age time.Duration) error
	Owners []*Reconciler // of all kinds; those whose front end names no hosts need nothing
	Always bool          // read the list even if no stack lacks a certificate
	// Used reports whether a listener has a certificate of ACM; ReadEnds reads when certificates expire.
	Used     func() bool
	ReadEnds func(ctx context.Context, age time.Duration) error
	Now      func() time.Time
	Log      logr.Logger

	failures int       // in a row
	next     time.Time // the earliest time of the next read
	nextEnds time.Time // the same of the read of ends
}

// CertificateTick is how often the watcher decides whether to look. It does not make reads more frequent: the allowed
// age of the list limits them.
const CertificateTick = 2 * time.Second

// certificatePauses are the pauses after failed looks.
var certificatePauses = backoff.Policy{First: 5 * time.Second, Longest: time.Minute}

// Start runs until ctx ends; it implements manager.Runnable, and runs on the leader only.
func (w *CertificateWatcher) Start(ctx context.Context) error {
	queue.Every(queue.Background(ctx, awsclient.CertificateSet), CertificateTick, nil, w.Look)
	return nil
}

// Look reads the list of certificates, if it is due and a stack needs it.
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
	case w.Always && !w.Now().Before(w.nextEnds) && w.Used():
		w.lookAtEnds(ctx)
	}
	if err == nil {
		w.failures, w.next = 0, time.Time{}
		return
	}
	w.failures++
	w.next = w.Now().Add(certificatePauses.Pause(w.failures))
	if ctx.Err() == nil {
		// the stacks that need one report it
		w.Log.V(1).Info("cannot search for certificates; the controller tries again", "cause", err.Error())
	}
}

// lookAtEnds reads when certificates expire. Nothing waits for the answer: after a failure it is read again ten minutes
// later, and a missing permission is no lack of the controller.
func (w *CertificateWatcher) lookAtEnds(ctx context.Context) {
	w.nextEnds = w.Now().Add(certificate.OtherInterval)
	if err := w.ReadEnds(ctx, certificate.EndsInterval); err != nil && ctx.Err() == nil {
		w.Log.V(1).Info("when certificates of listeners expire is not known; it is read again", "cause", err.Error())
	}
}

// discovery records what a stack looked up in the list of certificates.
type discovery struct {
	hosts  []string // sorted, once each
	missed bool     // one of them had no certificate
}

// discoveryOf returns what the last compilation looked up, for present members and for those whose last valid version
// serves.
func discoveryOf(e intent.LoadBalancer, good quarantine.Versions, found diag.List) discovery {
	var d discovery
	ask := func(m *intent.Member) {
		for _, l := range m.Listeners {
			if !l.Certificates.Set || len(l.Certificates.Value) == 0 {
				d.hosts = append(d.hosts, l.DiscoverHosts...)
			}
		}
	}
	for i := range e.Members {
		ask(&e.Members[i])
		if last := good[e.Members[i].Object]; last != nil {
			ask(last)
		}
	}
	slices.Sort(d.hosts)
	d.hosts = slices.Compact(d.hosts)
	d.missed = len(d.hosts) > 0 && slices.ContainsFunc(found, func(x diag.Diagnostic) bool {
		return x.Code == diag.CertificateNotFound
	})
	return d
}

// discoveries reports whether any stack finds certificates by host, and whether one of them lacks one.
func (s *Reconciler) discoveries() (asked, missed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.states {
		asked, missed = asked || len(st.discovery.hosts) > 0, missed || st.discovery.missed
	}
	return asked, missed
}

// CertificatesChanged wakes exactly the stacks that looked up a host that one of the names covers.
func (s *Reconciler) CertificatesChanged(names []string) {
	var concerned []stack.Key
	changed := facts.Names{}
	changed.Add(names...)
	s.mu.Lock()
	for key, st := range s.states {
		if slices.ContainsFunc(st.discovery.hosts, changed.Cover) {
			concerned = append(concerned, key)
		}
	}
	s.mu.Unlock()
	s.Waker.Wake(queue.Normal, concerned...)
}
