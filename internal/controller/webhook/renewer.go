package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/front/admission"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/servingcert"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// Renewer issues and renews the certificate in a Secret and writes its authority into the webhook configurations. It
// runs in the leader. Certificates are renewed early, and an authority is published before a certificate of it is
// served, so that no call fails. Former authorities stay in addition to a new one until each replica has had the time
// to change its certificate (linger).
type Renewer struct {
	Reader client.Reader // not cached
	Writer client.Writer
	Secret types.NamespacedName
	// Configurations is the name of the mutating and the validating webhook configuration.
	Configurations string
	// Lifetime of a serving certificate.
	Lifetime time.Duration
	Now      func() time.Time
	Log      logr.Logger

	// newest is the newest authority that Sync last found in all configurations, and since is when it first did. A new
	// leader begins again, so that it waits longer, never less.
	newest string
	since  time.Time
	// last is what Sync last published, for the case that somebody empties a CA bundle while an authority is new.
	last []byte
}

// Keys of the Secret. Existing installations have ca.crt, too.
const (
	keyCA, keyCAKey = "ca.crt", "ca.key"
)

// settle is how long a new authority is published before it is used.
const settle = 2 * time.Minute

// linger is how long a former authority is published in addition to a new one, in times of settle. A replica that could
// not read for so long shows a certificate that nobody trusts.
const linger = 5

// pause is the interval of a replica's checks, short enough to renew in time.
func pause(lifetime time.Duration) time.Duration { return min(30*time.Second, lifetime/20) }

// look is the interval of the leader's checks. While somebody has replaced a CA bundle, requests are refused.
func look(lifetime time.Duration) time.Duration { return min(5*time.Second, lifetime/20) }

// retry is the pause while there is no certificate yet, and after the first failure. A replica that waits for the
// Secret retries at this pause without backoff (see Source), because API servers cannot call it meanwhile.
const retry = time.Second

// retries are the leader's pauses after failures in a row.
var retries = backoff.Policy{First: retry, Longest: 30 * time.Second}

// Start implements manager.Runnable; it runs until ctx ends. Failures are logged and tried again.
func (r *Renewer) Start(ctx context.Context) error {
	last, failures := "", 0
	for {
		wait := look(r.Lifetime)
		err := r.Sync(ctx)
		if err != nil && ctx.Err() == nil {
			failures++
			wait = retries.Pause(failures)
			if text := err.Error(); text != last {
				r.Log.Error(err, "cannot renew or publish the certificate of the webhooks; trying again")
				last = text
			}
		}
		if err == nil {
			last, failures = "", 0
		}
		if sleep.For(ctx, wait) != nil {
			return nil //nolint:nilerr // the process ends
		}
	}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*Renewer) NeedLeaderElection() bool { return true }

// Sync renews the certificate if that is due, and then writes its authorities into the webhook configurations that lack
// them. It skips configurations that cert-manager fills.
func (r *Renewer) Sync(ctx context.Context) error {
	all, err := configurations(ctx, r.Reader, r.Configurations)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("webhook configuration %s does not exist; apply it, or name another one with "+
			"--webhook-configurations", r.Configurations)
	}
	var hosts []string
	for _, c := range all {
		for _, w := range c.webhooks {
			hosts = append(hosts, hostsOf(*w.client)...)
		}
	}
	slices.Sort(hosts)
	bundle, err := r.renew(ctx, slices.Compact(hosts), bundlesOf(all))
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range all {
		errs = append(errs, r.publish(ctx, c, bundle))
	}
	if r.last = bundle.With(r.last, r.Now()); r.settled(bundle) {
		r.last = bundle.CA
	}
	return errors.Join(errs...)
}

func (r *Renewer) policy() servingcert.Policy {
	return servingcert.Policy{Lifetime: r.Lifetime, Settle: min(settle, r.Lifetime/10), Published: r.since}
}

// see remembers since when the newest authority of a bundle is published in all webhooks.
func (r *Renewer) see(b servingcert.Bundle, published [][]byte) {
	now := r.Now()
	newest := b.Newest(now)
	for _, ca := range published {
		if !b.PublishedIn(ca, now) {
			newest = ""
		}
	}
	if newest == "" {
		r.newest, r.since = "", time.Time{}
	} else if newest != r.newest {
		r.newest, r.since = newest, now
	}
}

// settled reports whether former authorities need no longer be published in addition to those of a bundle.
func (r *Renewer) settled(b servingcert.Bundle) bool {
	now := r.Now()
	return r.newest != "" && r.newest == b.Newest(now) && now.Sub(r.since) >= linger*r.policy().Settle
}

func (r *Renewer) renew(ctx context.Context, hosts []string, published [][]byte) (servingcert.Bundle, error) {
	s := &corev1.Secret{}
	err := r.Reader.Get(ctx, r.Secret, s)
	missing := apierrors.IsNotFound(err)
	if err != nil && !missing {
		return servingcert.Bundle{}, fmt.Errorf("reading Secret %s: %w", r.Secret, err)
	}
	r.see(bundleOf(s), published)
	p := r.policy()
	p.Hosts = hosts
	b, changed, err := servingcert.Renew(bundleOf(s), p, r.Now())
	if err != nil || !changed {
		return b, err
	}
	why := "two thirds of its lifetime are over, or the hosts are others"
	if missing {
		why = "the Secret does not exist"
	} else if err := bundleOf(s).Invalid(r.Now()); err != nil {
		why = err.Error()
	}
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	s.Data[keyCA], s.Data[keyCAKey], s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey] = b.CA, b.CAKey,
		b.Cert, b.Key
	if missing {
		s.Namespace, s.Name, s.Type = r.Secret.Namespace, r.Secret.Name, corev1.SecretTypeTLS
		err = r.Writer.Create(ctx, s)
	} else {
		err = r.Writer.Update(ctx, s) // with the resourceVersion that was read: of two leaders one wins
	}
	if err != nil {
		return b, fmt.Errorf("storing the webhooks' certificate in Secret %s: %w", r.Secret, err)
	}
	r.Log.Info("renewed the webhooks' certificate", "secret", r.Secret.String(), "hosts", hosts, "why", why)
	return b, nil
}

func bundleOf(s *corev1.Secret) servingcert.Bundle {
	return servingcert.Bundle{CA: s.Data[keyCA], CAKey: s.Data[keyCAKey], Cert: s.Data[corev1.TLSCertKey],
		Key: s.Data[corev1.TLSPrivateKeyKey]}
}

// publish writes the authorities into the webhooks that have others. The patch addresses webhooks by index, and keeps
// what it found in addition to the new authorities. It therefore fails if somebody changed the configuration meanwhile.
func (r *Renewer) publish(ctx context.Context, c configuration, b servingcert.Bundle) error {
	ops := []admission.Operation{{Op: "test", Path: "/metadata/resourceVersion", Value: c.object.GetResourceVersion()}}
	var changed []string
	for i, w := range c.webhooks {
		ca := b.CA
		if !r.settled(b) {
			ca = b.With(slices.Concat(w.client.CABundle, r.last), r.Now())
		}
		if bytes.Equal(w.client.CABundle, ca) {
			continue
		}
		changed = append(changed, w.name)
		ops = append(ops, admission.Operation{Op: "add", Path: fmt.Sprintf("/webhooks/%d/clientConfig/caBundle", i),
			Value: ca})
	}
	if len(changed) == 0 {
		return nil
	}
	patch, err := json.Marshal(ops)
	if err != nil {
		return err
	}
	if err := r.Writer.Patch(ctx, c.object, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		return fmt.Errorf("writing the CA bundle of webhook configuration %s: %w", c.object.GetName(), err)
	}
	r.Log.Info("wrote the CA bundle of webhooks, which was another one", "configuration", c.object.GetName(),
		"webhooks", changed)
	return nil
}
