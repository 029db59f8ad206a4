package webhook

import (
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

	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/servingcert"
)

// Keeper makes and renews the certificate in a Secret and tells API servers its authority: the leader's work. Renewing early and
// publishing an authority before it is used leave no moment at which a call fails.
type Keeper struct {
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

// Keys of the Secret; ca.key is ours, the others are those of existing installations.
const (
	keyCA, keyCAKey = "ca.crt", "ca.key"
)

// settle is how long other replicas and API servers have to learn of a new authority.
const settle = 2 * time.Minute

// pause between looks: short enough to renew in time, long enough to cost nothing.
func pause(lifetime time.Duration) time.Duration { return min(30*time.Second, lifetime/20) }

// retry is the pause while there is nothing to serve yet, and after the first failure. API servers refuse calls meanwhile, so it does
// not grow where a replica waits for the Secret: see Source.
const retry = time.Second

// retries are the pauses after failures in a row of the leader.
var retries = backoff.Policy{First: retry, Longest: 30 * time.Second}

// Start implements manager.Runnable; it runs until ctx ends. Failures are logged and tried again.
func (k *Keeper) Start(ctx context.Context) error {
	last, failures := "", 0
	for {
		wait := pause(k.Lifetime)
		err := k.Sync(ctx)
		if err != nil && ctx.Err() == nil {
			failures++
			wait = retries.Pause(failures)
			if text := err.Error(); text != last {
				k.Log.Error(err, "keeping the webhooks' certificate failed; trying again")
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
func (*Keeper) NeedLeaderElection() bool { return true }

// Sync makes one look: the certificate is renewed if that is due, then its authorities are put into the webhook configurations
// that lack them. Configurations that cert-manager fills are left to it.
func (k *Keeper) Sync(ctx context.Context) error {
	configurations, err := k.configurations(ctx)
	if err != nil {
		return err
	}
	if len(configurations) == 0 {
		return fmt.Errorf("there is no webhook configuration %s (--webhook-configurations)", k.Configurations)
	}
	var hosts []string
	for _, c := range configurations {
		for _, w := range c.webhooks {
			hosts = append(hosts, hostsOf(*w.client)...)
		}
	}
	slices.Sort(hosts)
	bundle, err := k.renew(ctx, slices.Compact(hosts))
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range configurations {
		errs = append(errs, k.publish(ctx, c, bundle.CA))
	}
	return errors.Join(errs...)
}

// configuration is what is read and written of a webhook configuration of either kind.
type configuration struct {
	object   client.Object
	webhooks []hook
}

type hook struct {
	name   string
	client *admissionregistrationv1.WebhookClientConfig
}

func (k *Keeper) configurations(ctx context.Context) ([]configuration, error) {
	var all []configuration
	for _, o := range []client.Object{&admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}} {
		err := k.Reader.Get(ctx, client.ObjectKey{Name: k.Configurations}, o)
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("reading webhook configuration %s: %w", k.Configurations, err)
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

// foreign reports that cert-manager keeps the CA bundle of a configuration.
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

func (k *Keeper) renew(ctx context.Context, hosts []string) (servingcert.Bundle, error) {
	s := &corev1.Secret{}
	err := k.Reader.Get(ctx, k.Secret, s)
	missing := apierrors.IsNotFound(err)
	if err != nil && !missing {
		return servingcert.Bundle{}, fmt.Errorf("reading Secret %s: %w", k.Secret, err)
	}
	p := servingcert.Policy{Lifetime: k.Lifetime, Settle: min(settle, k.Lifetime/10), Hosts: hosts}
	b, changed, err := servingcert.Renew(bundleOf(s), p, k.Now())
	if err != nil || !changed {
		return b, err
	}
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	s.Data[keyCA], s.Data[keyCAKey], s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey] = b.CA, b.CAKey, b.Cert, b.Key
	if missing {
		s.Namespace, s.Name, s.Type = k.Secret.Namespace, k.Secret.Name, corev1.SecretTypeTLS
		err = k.Writer.Create(ctx, s)
	} else {
		err = k.Writer.Update(ctx, s) // with the version that was read: of two leaders one wins
	}
	if err != nil {
		return b, fmt.Errorf("storing the webhooks' certificate in Secret %s: %w", k.Secret, err)
	}
	k.Log.Info("renewed the webhooks' certificate", "secret", k.Secret.String(), "hosts", hosts)
	return b, nil
}

func bundleOf(s *corev1.Secret) servingcert.Bundle {
	return servingcert.Bundle{CA: s.Data[keyCA], CAKey: s.Data[keyCAKey], Cert: s.Data[corev1.TLSCertKey], Key: s.Data[corev1.TLSPrivateKeyKey]}
}

// publish writes the authorities into the webhooks that have others. The names are tested, since the patch goes by position.
func (k *Keeper) publish(ctx context.Context, c configuration, ca []byte) error {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	var ops []operation
	for i, w := range c.webhooks {
		if string(w.client.CABundle) == string(ca) {
			continue
		}
		at := fmt.Sprintf("/webhooks/%d", i)
		ops = append(ops, operation{"test", at + "/name", w.name}, operation{"add", at + "/clientConfig/caBundle", ca})
	}
	if len(ops) == 0 {
		return nil
	}
	patch, err := json.Marshal(ops)
	if err != nil {
		return err
	}
	if err := k.Writer.Patch(ctx, c.object, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		return fmt.Errorf("writing the CA bundle of webhook configuration %s: %w", c.object.GetName(), err)
	}
	return nil
}
