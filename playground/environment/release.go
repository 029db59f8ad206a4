package environment

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	helm "helm.sh/helm/v4/pkg/release/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/playground/chart"
	"github.com/k8s-lbc/lbc/playground/manifest"
)

// Release has the controller installed as the Helm chart does it: its objects, its arguments and as many replicas. Helm
// finds it in the cluster, and may upgrade it. What the playground needs to know of it after the installation, it
// therefore reads from the cluster.
type Release struct {
	// Values go over those that name the simulated cluster: clusterName, region, vpcId and trustStore.bucket.
	Values map[string]any

	chart     *chart.Chart
	values    map[string]any // all that go over the chart's
	rendering *chart.Rendering
}

// releaseName names the release, in the namespace where installations are. releaseSelector selects its objects by the
// only label that every upgrade of the release keeps.
const (
	releaseName, releaseNamespace = "aws-load-balancer-controller", "kube-system"

	instanceLabel   = "app.kubernetes.io/instance"
	releaseSelector = instanceLabel + "=" + releaseName
)

func release() chart.Release { return chart.Release{Name: releaseName, Namespace: releaseNamespace} }

// render renders the chart for the simulated cluster.
func (r *Release) render(dir string, s seed.File) error {
	c, err := chart.Load(dir)
	if err != nil {
		return err
	}
	values := chart.Merge(map[string]any{
		"clusterName": s.Cluster.Name, "region": s.Region, "vpcId": s.VPC.ID, "trustStore": map[string]any{
			"bucket": TrustStoreBucket},
	}, r.Values)
	rendering, err := c.Render(values, release())
	if err != nil {
		return fmt.Errorf("render the chart: %w", err)
	}
	rendering.Objects = slices.DeleteFunc(rendering.Objects, chart.IsHook)
	release().Own(rendering.Objects...)
	r.chart, r.values, r.rendering = c, values, rendering
	// Without a number, a HorizontalPodAutoscaler sets it.
	if n, found, _ := unstructured.NestedFieldNoCopy(r.deployment().Object, "spec", "replicas"); found && n == float64(0) {
		return errors.New("values of the chart: replicaCount is 0, so that no controller would run; use " +
			"--no-controller instead")
	}
	return nil
}

// deployment is the chart's.
func (r *Release) deployment() *unstructured.Unstructured {
	for _, o := range r.rendering.Objects {
		if o.GetKind() == "Deployment" {
			return o
		}
	}
	return nil
}

// objects are those of the installation but for the Deployment and the webhook configurations, which are applied when
// the controller is to start.
func (r *Release) objects() []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(r.rendering.Objects), func(o *unstructured.Unstructured) bool {
		return o.GetKind() == "Deployment" || isWebhookConfiguration(o)
	})
}

// configurations are the webhook configurations.
func (r *Release) configurations() []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(r.rendering.Objects), func(o *unstructured.Unstructured) bool {
		return !isWebhookConfiguration(o)
	})
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
	last, err := e.lastRevision(ctx)
	if err != nil {
		return err
	}
	if last == nil {
		return errors.New("upgrade the chart: the cluster has no revision of the release")
	}
	before, err := manifest.Parse("the last revision", []byte(last.Manifest))
	if err != nil {
		return err
	}
	r.Values = values
	if err := r.render(e.options.Repo.Chart(), e.Simulator.Seed()); err != nil {
		return err
	}
	client, err := manifest.NewClient(e.Cluster.Plane.AdminConfig())
	if err != nil {
		return err
	}
	if err := client.Apply(ctx, slices.Concat(r.objects(), r.configurations(), []*unstructured.Unstructured{
		r.deployment()})...); err != nil {
		return err
	}
	for _, o := range before {
		if r.rendering.Object(o.GetKind(), o.GetName()) != nil {
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
	if err := e.record(ctx, last); err != nil {
		return err
	}
	return e.WaitController(ctx)
}

// record stores the next revision of the release, by which Helm's command line finds it. last is the last one; nil:
// there is none.
func (e *Environment) record(ctx context.Context, last *helm.Release) error {
	secrets, r, now := e.Cluster.Client.CoreV1().Secrets(releaseNamespace), e.options.Release, time.Now()
	s, err := chart.EncodeRevision(r.chart.Revision(release(), r.values, r.rendering, last, now), now)
	if err != nil {
		return err
	}
	if _, err := secrets.Create(ctx, s, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("store the revision of the release: %w", err)
	}
	if last == nil {
		return nil
	}
	chart.Supersede(last)
	if s, err = chart.EncodeRevision(last, now); err != nil {
		return err
	}
	_, err = secrets.Update(ctx, s, metav1.UpdateOptions{})
	return err
}

// lastRevision is the newest revision of the release that the cluster has; nil: there is none.
func (e *Environment) lastRevision(ctx context.Context) (last *helm.Release, err error) {
	all, err := e.Cluster.Client.CoreV1().Secrets(releaseNamespace).List(ctx, metav1.ListOptions{
		LabelSelector: labels.SelectorFromSet(release().RevisionLabels()).String()})
	if err != nil {
		return nil, fmt.Errorf("read the revisions of the release: %w", err)
	}
	for i := range all.Items {
		one, err := chart.DecodeRevision(&all.Items[i])
		if err != nil {
			return nil, err
		}
		if last == nil || one.Version > last.Version {
			last = one
		}
	}
	return last, nil
}

// installed is the Deployment of the release in the cluster. While an upgrade gives it another name, there are two.
func (e *Environment) installed(ctx context.Context) (*appsv1.Deployment, error) {
	all, err := e.Cluster.Client.AppsV1().Deployments(releaseNamespace).List(ctx, metav1.ListOptions{
		LabelSelector: releaseSelector})
	if err != nil {
		return nil, err
	}
	if n := len(all.Items); n != 1 {
		return nil, fmt.Errorf("release %s has %d Deployments in namespace %s, want 1", releaseName, n, releaseNamespace)
	}
	return &all.Items[0], nil
}

// DialWebhooks connects to a replica of the release as API servers do, to another one each time.
func (e *Environment) DialWebhooks(ctx context.Context) (net.Conn, error) { return e.service.dial(ctx) }

// runsController reports whether a container is that of a pod of the release that is the controller: it serves
// webhooks. The pod of the check before an upgrade does not.
func runsController(pod *corev1.Pod, c corev1.Container) bool {
	return pod.Namespace == releaseNamespace && pod.Labels[instanceLabel] == releaseName &&
		slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == webhooksPort })
}

// published reports why API servers cannot call the webhooks yet: the leader has not written its authority into the
// configurations.
func (e *Environment) published(ctx context.Context) error {
	admission, ours := e.Cluster.Client.AdmissionregistrationV1(), metav1.ListOptions{LabelSelector: releaseSelector}
	mutating, err := admission.MutatingWebhookConfigurations().List(ctx, ours)
	if err != nil {
		return err
	}
	validating, err := admission.ValidatingWebhookConfigurations().List(ctx, ours)
	if err != nil {
		return err
	}
	clients := map[string]admissionregistrationv1.WebhookClientConfig{}
	for _, o := range mutating.Items {
		for _, w := range o.Webhooks {
			clients["mutating "+w.Name] = w.ClientConfig
		}
	}
	for _, o := range validating.Items {
		for _, w := range o.Webhooks {
			clients["validating "+w.Name] = w.ClientConfig
		}
	}
	if len(clients) == 0 {
		return errors.New("the release has no webhooks")
	}
	for name, c := range clients {
		if len(c.CABundle) == 0 {
			return fmt.Errorf("the %s webhook has no authority of its certificate", name)
		}
	}
	return nil
}
