package environment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/playground/chart"
	"github.com/k8s-lbc/lbc/playground/manifest"
)

// Release has the controller installed as the Helm chart does it: its objects, its arguments and as many replicas.
type Release struct {
	// Values go over those that name the simulated cluster: clusterName, region, vpcId and trustStore.bucket.
	Values map[string]any

	rendering atomic.Pointer[chart.Rendering]
}

// releaseName names the release, in the namespace where installations are.
const releaseName, releaseNamespace = "aws-load-balancer-controller", "kube-system"

// render renders the chart for the simulated cluster.
func (r *Release) render(dir string, s seed.File) error {
	c, err := chart.Load(dir)
	if err != nil {
		return err
	}
	values := map[string]any{
		"clusterName": s.Cluster.Name, "region": s.Region, "vpcId": s.VPC.ID, "trustStore": map[string]any{
			"bucket": TrustStoreBucket},
	}
	rendering, err := c.Render(chart.Merge(values, r.Values), chart.Release{
		Name: releaseName, Namespace: releaseNamespace})
	if err != nil {
		return fmt.Errorf("render the chart: %w", err)
	}
	r.rendering.Store(rendering)
	// Without a number, a HorizontalPodAutoscaler sets it.
	if n, found, _ := unstructured.NestedFieldNoCopy(r.deployment().Object, "spec", "replicas"); found && n == float64(0) {
		return errors.New("values of the chart: replicaCount is 0, so that no controller would run; use " +
			"--no-controller instead")
	}
	return nil
}

// deployment is the chart's.
func (r *Release) deployment() *unstructured.Unstructured {
	for _, o := range r.rendering.Load().Objects {
		if o.GetKind() == "Deployment" {
			return o
		}
	}
	return nil
}

// objects are those of the installation but for the Deployment, which is applied when the controller is to start, and
// the webhook configurations, which API servers call at another address here.
func (r *Release) objects() []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(r.rendering.Load().Objects), func(o *unstructured.Unstructured) bool {
		return o.GetKind() == "Deployment" || isWebhookConfiguration(o)
	})
}

// configurations are the webhook configurations.
func (r *Release) configurations() []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, o := range r.rendering.Load().Objects {
		if isWebhookConfiguration(o) {
			out = append(out, o.DeepCopy())
		}
	}
	return out
}

func isWebhookConfiguration(o *unstructured.Unstructured) bool {
	return o.GetKind() == "MutatingWebhookConfiguration" || o.GetKind() == "ValidatingWebhookConfiguration"
}

// Upgrade installs the chart again with other values in place of those of the release, as helm upgrade does, and
// returns when it is rolled out.
func (e *Environment) Upgrade(ctx context.Context, values map[string]any) error {
	if e.options.Release == nil {
		return errors.New("upgrade the chart: the controller is not installed by it")
	}
	r := e.options.Release
	before := r.objects()
	r.Values = values
	if err := r.render(e.options.Repo.Chart(), e.Simulator.Seed()); err != nil {
		return err
	}
	client, err := manifest.NewClient(e.Cluster.Plane.AdminConfig())
	if err != nil {
		return err
	}
	after := r.objects()
	if err := client.Apply(ctx, after...); err != nil {
		return err
	}
	if err := e.InstallWebhooks(ctx); err != nil {
		return err
	}
	if err := client.Apply(ctx, r.deployment()); err != nil {
		return err
	}
	for _, o := range before {
		if r.rendering.Load().Object(o.GetKind(), o.GetName()) != nil {
			continue
		}
		resource, err := client.Resource(o)
		if err != nil {
			return err
		}
		if err := resource.Delete(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return e.WaitController(ctx)
}

// published reports why API servers cannot call the webhooks yet: the leader has not written its authority into the
// configurations.
func (e *Environment) published(ctx context.Context) error {
	admission := e.Cluster.Client.AdmissionregistrationV1()
	for _, o := range e.options.Release.configurations() {
		var clients []admissionregistrationv1.WebhookClientConfig
		if o.GetKind() == "MutatingWebhookConfiguration" {
			c, err := admission.MutatingWebhookConfigurations().Get(ctx, o.GetName(), metav1.GetOptions{})
			if err != nil {
				return err
			}
			for _, w := range c.Webhooks {
				clients = append(clients, w.ClientConfig)
			}
		} else {
			c, err := admission.ValidatingWebhookConfigurations().Get(ctx, o.GetName(), metav1.GetOptions{})
			if err != nil {
				return err
			}
			for _, w := range c.Webhooks {
				clients = append(clients, w.ClientConfig)
			}
		}
		if slices.ContainsFunc(clients, func(c admissionregistrationv1.WebhookClientConfig) bool {
			return len(c.CABundle) == 0
		}) {
			return fmt.Errorf("%s %s has no authority of the webhooks' certificate", o.GetKind(), o.GetName())
		}
	}
	return nil
}
