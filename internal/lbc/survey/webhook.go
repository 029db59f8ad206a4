package survey

import (
	"context"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
)

// hookSuffix ends the names of the controller's webhooks, in every version of it.
const hookSuffix = ".elbv2.k8s.aws"

func (r *reader) webhooks(ctx context.Context, s state) (put, error) {
	hooks, err := hooksOf(ctx, s.client)
	if err != nil {
		return nil, err
	}
	for i := range hooks {
		if err := behind(ctx, s.client, &hooks[i]); err != nil {
			return nil, err
		}
	}
	serving, err := servingOf(ctx, s)
	if err != nil {
		return nil, err
	}
	return func(s *state) { s.facts.Hooks, s.facts.Serving = hooks, serving }, nil
}

// webhook is what both kinds of webhooks have.
type webhook struct {
	configuration metav1.Object
	kind, name    string
	client        admissionv1.WebhookClientConfig
	rules         []admissionv1.RuleWithOperations
	policy        *admissionv1.FailurePolicyType
	namespaces    *metav1.LabelSelector
	objects       *metav1.LabelSelector
	conditions    []admissionv1.MatchCondition
}

func hooksOf(ctx context.Context, k client.Client) (out []checks.Hook, err error) {
	mutating, validating := &admissionv1.MutatingWebhookConfigurationList{},
		&admissionv1.ValidatingWebhookConfigurationList{}
	if err := k.List(ctx, mutating); err != nil {
		return nil, err
	}
	if err := k.List(ctx, validating); err != nil {
		return nil, err
	}
	add := func(w webhook) {
		if strings.HasSuffix(w.name, hookSuffix) {
			out = append(out, w.hook())
		}
	}
	for i := range mutating.Items {
		for _, w := range mutating.Items[i].Webhooks {
			add(webhook{&mutating.Items[i], "MutatingWebhookConfiguration", w.Name, w.ClientConfig, w.Rules, w.FailurePolicy,
				w.NamespaceSelector, w.ObjectSelector, w.MatchConditions})
		}
	}
	for i := range validating.Items {
		for _, w := range validating.Items[i].Webhooks {
			add(webhook{&validating.Items[i], "ValidatingWebhookConfiguration", w.Name, w.ClientConfig, w.Rules, w.FailurePolicy,
				w.NamespaceSelector, w.ObjectSelector, w.MatchConditions})
		}
	}
	return out, nil
}

func (w webhook) hook() checks.Hook {
	h := checks.Hook{
		Configuration: w.kind + " " + w.configuration.GetName(), Name: w.name, Fails: w.policy == nil ||
			*w.policy == admissionv1.Fail,
		Selective: len(w.conditions) > 0 || narrows(w.namespaces) || narrows(w.objects), CA: w.client.CABundle,
	}
	for k := range w.configuration.GetAnnotations() {
		h.Injected = h.Injected || strings.HasPrefix(k, "cert-manager.io/inject-")
	}
	for _, rule := range w.rules {
		h.Resources = append(h.Resources, rule.Resources...)
	}
	if w.client.URL != nil {
		h.URL = *w.client.URL
	}
	if s := w.client.Service; s != nil {
		h.Service = s.Namespace + "/" + s.Name
	}
	return h
}

// narrows reports whether a selector selects what is labelled for it, and not just all but what is labelled otherwise.
func narrows(s *metav1.LabelSelector) bool {
	if s == nil {
		return false
	}
	return len(s.MatchLabels) > 0 || slices.ContainsFunc(s.MatchExpressions, func(e metav1.LabelSelectorRequirement) bool {
		return e.Operator == metav1.LabelSelectorOpIn || e.Operator == metav1.LabelSelectorOpExists
	})
}

// behind reads the Service of a webhook and its endpoints.
func behind(ctx context.Context, k client.Client, h *checks.Hook) error {
	namespace, name, ok := strings.Cut(h.Service, "/")
	if !ok {
		return nil
	}
	err := k.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &corev1.Service{})
	if apierrors.IsNotFound(err) {
		return nil
	} else if err != nil {
		return err
	}
	h.Exists = true
	endpoints := &discoveryv1.EndpointSliceList{}
	if err := k.List(ctx, endpoints, client.InNamespace(namespace), client.MatchingLabels{
		discoveryv1.LabelServiceName: name}); err != nil {
		return err
	}
	for _, s := range endpoints.Items {
		for _, e := range s.Endpoints {
			if e.Conditions.Ready != nil && *e.Conditions.Ready {
				h.Endpoints++
			}
		}
	}
	return nil
}

// servingOf are the serving certificates in the Secrets that Deployments of the controller mount, or keep themselves.
func servingOf(ctx context.Context, s state) (out []checks.Serving, err error) {
	for i := range s.deployments {
		d := &s.deployments[i]
		for _, name := range servingSecrets(d, s.configs[i]) {
			secret := &corev1.Secret{}
			err := s.client.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: name}, secret)
			if apierrors.IsNotFound(err) {
				continue // the pods wait for it, which is a finding about them
			} else if err != nil {
				return nil, err
			}
			out = append(out, checks.Serving{Secret: d.Namespace + "/" + name, Chain: secret.Data[corev1.TLSCertKey]})
		}
	}
	return out, nil
}

func servingSecrets(d *appsv1.Deployment, c *config.Config) (names []string) {
	if c != nil && c.Webhooks.CertSecret != "" {
		names = append(names, c.Webhooks.CertSecret)
	}
	for _, v := range d.Spec.Template.Spec.Volumes {
		if v.Secret != nil && (v.Name == "cert" || strings.HasSuffix(v.Secret.SecretName, "-tls")) &&
			!slices.Contains(names, v.Secret.SecretName) {
			names = append(names, v.Secret.SecretName)
		}
	}
	return names
}
