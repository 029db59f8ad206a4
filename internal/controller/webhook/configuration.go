package webhook

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// configuration is a webhook configuration of either kind.
type configuration struct {
	object   client.Object
	webhooks []hook
}

type hook struct {
	name   string
	client *admissionregistrationv1.WebhookClientConfig
}

// configurations reads the webhook configurations of a name, without those that cert-manager fills.
func configurations(ctx context.Context, r client.Reader, name string) ([]configuration, error) {
	var all []configuration
	for _, o := range []client.Object{
		&admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{},
	} {
		err := r.Get(ctx, client.ObjectKey{Name: name}, o)
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("reading webhook configuration %s: %w", name, err)
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

// bundlesOf are the CA bundles of all webhooks.
func bundlesOf(all []configuration) [][]byte {
	var bundles [][]byte
	for _, c := range all {
		for _, w := range c.webhooks {
			bundles = append(bundles, w.client.CABundle)
		}
	}
	return bundles
}
