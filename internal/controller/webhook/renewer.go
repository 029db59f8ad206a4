package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/front/admission"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/servingcert"
)

// Renewer issues and renews the certificate in a Secret and writes its authority into the webhook configurations. It runs in the leader.
// Certificates are renewed early, and an authority is published before a certificate of it is served, so that no call fails.
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
}

// Keys of the Secret. Existing installations have ca.crt, too.
const (
	keyCA, keyCAKey = "ca.crt", "ca.key"
)

// settle is how long a new authority is published before it is used.
const settle = 2 * time.Minute

// pause is the interval of checks, short enough to renew in time.
func pause(lifetime time.Duration) time.Duration { return min(30*time.Second, lifetime/20) }

// retry is the pause while there is no certificate yet, and after the first failure. A replica that waits for the Secret retries at this
// pause without backoff (see Source), because API servers cannot call it meanwhile.
const retry = time.Second

// retries are the leader's pauses after failures in a row.
var retries = backoff.Policy{First: retry, Longest: 30 * time.Second}

// Start implements manager.Runnable; it runs until ctx ends. Failures are logged and tried again.
func (r *Renewer) Start(ctx context.Context) error {
	last, failures := "", 0
	for {
		wait := pause(r.Lifetime)
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
		if !sleep(ctx, wait) {
			return nil
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*Renewer) NeedLeaderElection() bool { return true }

// Sync renews the certificate if that is due, and then writes its authorities into the webhook configurations that lack them. It skips
// configurations that cert-manager fills.
func (r *Renewer) Sync(ctx context.Context) error {
	configurations, err := r.configurations(ctx)
	if err != nil {
		return err
	}
	if len(configurations) == 0 {
		return fmt.Errorf("webhook configuration %s does not exist; apply it, or name another one with --webhook-configurations", r.Configurations)
	}
	var hosts []string
	for _, c := range configurations {
		for _, w := range c.webhooks {
			hosts = append(hosts, hostsOf(*w.client)...)
		}
	}
	slices.Sort(hosts)
	bundle, err := r.renew(ctx, slices.Compact(hosts))
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range configurations {
		errs = append(errs, r.publish(ctx, c, bundle))
	}
	return errors.Join(errs...)
}

// configuration is a webhook configuration of either kind.
type configuration struct {
	object   client.Object
	webhooks []hook
}

type hook struct {
	name   string
	client *admissionregistrationv1.WebhookClientConfig
}

func (r *Renewer) configurations(ctx context.Context) ([]configuration, error) {
	var all []configuration
	for _, o := range []client.Object{&admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}} {
		err := r.Reader.Get(ctx, client.ObjectKey{Name: r.Configurations}, o)
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("reading webhook configuration %s: %w", r.Configurations, err)
		case !foreign(o):
			all = append(all, configuration{o, hooksOf(o)})
		}
	}
	return all, nil
}

func hooksOf(o client.Object) []hook {
	var all []hook
	switch c := o.(type) {
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		for i := range c.Webhooks {
			all = append(all, hook{c.Webhooks[i].Name, &c.Webhooks[i].ClientConfig})
		}
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		for i := range c.Webhooks {
			all = append(all, hook{c.Webhooks[i].Name, &c.Webhooks[i].ClientConfig})
		}
	}
	return all
}

// foreign reports whether cert-manager writes the CA bundle of a configuration.
func foreign(o metav1.Object) bool {
	for key := range o.GetAnnotations() {
		if strings.HasPrefix(key, "cert-manager.io/inject-") {
			return true
		}
	}
	return false
}

// hostsOf are the names by which API servers call a webhook.
func hostsOf(c admissionregistrationv1.WebhookClientConfig) []string {
	if s := c.Service; s != nil {
		return []string{s.Name + "." + s.Namespace + ".svc", s.Name + "." + s.Namespace}
	}
	if c.URL == nil {
		return nil
	}
	u, err := url.Parse(*c.URL)
	if err != nil || u.Hostname() == "" {
		return nil
	}
	return []string{u.Hostname()}
}

func (r *Renewer) policy() servingcert.Policy {
	return servingcert.Policy{Lifetime: r.Lifetime, Settle: min(settle, r.Lifetime/10)}
}

func (r *Renewer) renew(ctx context.Context, hosts []string) (servingcert.Bundle, error) {
	s := &corev1.Secret{}
	err := r.Reader.Get(ctx, r.Secret, s)
	missing := apierrors.IsNotFound(err)
	if err != nil && !missing {
		return servingcert.Bundle{}, fmt.Errorf("reading Secret %s: %w", r.Secret, err)
	}
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
	s.Data[keyCA], s.Data[keyCAKey], s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey] = b.CA, b.CAKey, b.Cert, b.Key
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
	return servingcert.Bundle{CA: s.Data[keyCA], CAKey: s.Data[keyCAKey], Cert: s.Data[corev1.TLSCertKey], Key: s.Data[corev1.TLSPrivateKeyKey]}
}

// publish writes the authorities into the webhooks that have others. The patch addresses webhooks by index and therefore tests their names.
func (r *Renewer) publish(ctx context.Context, c configuration, b servingcert.Bundle) error {
	var ops []admission.Operation
	var changed []string
	for i, w := range c.webhooks {
		ca := b.Trusted(w.client.CABundle, r.policy(), r.Now())
		if bytes.Equal(w.client.CABundle, ca) {
			continue
		}
		changed = append(changed, w.name)
		at := fmt.Sprintf("/webhooks/%d", i)
		ops = append(ops, admission.Operation{Op: "test", Path: at + "/name", Value: w.name}, admission.Operation{Op: "add", Path: at + "/clientConfig/caBundle", Value: ca})
	}
	if len(ops) == 0 {
		return nil
	}
	patch, err := json.Marshal(ops)
	if err != nil {
		return err
	}
	if err := r.Writer.Patch(ctx, c.object, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		return fmt.Errorf("writing the CA bundle of webhook configuration %s: %w", c.object.GetName(), err)
	}
	r.Log.Info("wrote the CA bundle of webhooks, which was another one", "configuration", c.object.GetName(), "webhooks", changed)
	return nil
}
