package environment

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/playground/chart"
	"github.com/k8s-lbc/lbc/playground/cluster"
)

// rendered renders the chart of the repository.
func rendered(r *Release) error {
	return r.render("../../charts/aws-load-balancer-controller", seed.File{Region: "us-west-2",
		Cluster: seed.Cluster{Name: "demo"}, VPC: seed.VPC{ID: "vpc-1"}})
}

func TestReleaseWithoutControllersIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values  map[string]any
		refused bool
	}{
		"no replicas": {values: map[string]any{"replicaCount": 0}, refused: true},
		"two":         {values: map[string]any{"replicaCount": 2}},
		"autoscaling": {values: map[string]any{"autoscaling": map[string]any{"enabled": true}}},
	} {
		if err := rendered(&Release{Values: c.values}); (err != nil) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestObjectsOfReleaseAreHelms shows that each object that is applied is one that "helm upgrade" takes as its own, and
// that hooks are left to Helm.
func TestObjectsOfReleaseAreHelms(t *testing.T) {
	t.Parallel()
	r := &Release{Values: map[string]any{"creator": "me"}}
	if err := rendered(r); err != nil {
		t.Fatal(err)
	}
	for _, o := range r.rendering.Objects {
		if o.GetKind() == "Job" {
			t.Errorf("the hook %s is applied", o.GetName())
		}
		if l, a := o.GetLabels(), o.GetAnnotations(); l["app.kubernetes.io/managed-by"] != "Helm" ||
			a["meta.helm.sh/release-name"] != releaseName || a["meta.helm.sh/release-namespace"] != releaseNamespace {
			t.Errorf("%s %s: labels %v, annotations %v", o.GetKind(), o.GetName(), l, a)
		}
		if o.GetLabels()[instanceLabel] != releaseName {
			t.Errorf("%s %s is not found by %s", o.GetKind(), o.GetName(), releaseSelector)
		}
	}
}

func TestPodsOfEveryUpgradeRunTheController(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		values map[string]any
		other  func(*corev1.Pod)
		runs   bool
	}{
		"as installed":                  {runs: true},
		"another name":                  {values: map[string]any{"nameOverride": "lb"}, runs: true},
		"another full name":             {values: map[string]any{"fullnameOverride": "lb"}, runs: true},
		"another port":                  {values: map[string]any{"webhookBindPort": 1234}, runs: true},
		"in another namespace":          {other: func(p *corev1.Pod) { p.Namespace = "default" }},
		"of another release":            {other: func(p *corev1.Pod) { p.Labels[instanceLabel] = "other" }},
		"without webhooks, as of a Job": {other: func(p *corev1.Pod) { p.Spec.Containers[0].Ports = nil }},
	} {
		r := &Release{Values: tt.values}
		if err := rendered(r); err != nil {
			t.Fatal(err)
		}
		var d appsv1.Deployment
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(r.deployment().Object, &d); err != nil {
			t.Fatal(err)
		}
		pod := &corev1.Pod{ObjectMeta: d.Spec.Template.ObjectMeta, Spec: d.Spec.Template.Spec}
		pod.Namespace = d.Namespace
		if tt.other != nil {
			tt.other(pod)
		}
		if got := runsController(pod, pod.Spec.Containers[0]); got != tt.runs {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestRevisionsFollowEachOther records two revisions, as an upgrade does after one of Helm's own.
func TestRevisionsFollowEachOther(t *testing.T) {
	t.Parallel()
	client, r := fake.NewClientset(), &Release{}
	e := &Environment{Cluster: &cluster.Cluster{Client: client}, options: Options{Release: r}}
	for n := range 3 {
		r.Values = map[string]any{"replicaCount": n + 1}
		if err := rendered(r); err != nil {
			t.Fatal(err)
		}
		last, err := e.lastRevision(t.Context())
		if err != nil || (last == nil) != (n == 0) {
			t.Fatalf("the last revision of %d: %v, %v", n, last, err)
		}
		if err := e.record(t.Context(), last); err != nil {
			t.Fatal(err)
		}
	}
	all, err := client.CoreV1().Secrets(releaseNamespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range all.Items {
		revision, err := chart.DecodeRevision(&s)
		if err != nil {
			t.Fatal(err)
		}
		if s.Labels["status"] != revision.Info.Status.String() {
			t.Errorf("label %s, status %s", s.Labels["status"], revision.Info.Status)
		}
		got = append(got, fmt.Sprintf("%d %s %v", revision.Version, s.Labels["status"], revision.Config["replicaCount"]))
	}
	if want := "1 superseded 1, 2 superseded 2, 3 deployed 3"; strings.Join(got, ", ") != want {
		t.Errorf("revisions %v, want %s", got, want)
	}
	if err := e.record(t.Context(), nil); err == nil {
		t.Error("a revision is stored over another one")
	}
}

// TestDeploymentOfTheReleaseIsThatInTheCluster finds the Deployment that an upgrade gave another name.
func TestDeploymentOfTheReleaseIsThatInTheCluster(t *testing.T) {
	t.Parallel()
	of := func(name, instance string) *appsv1.Deployment {
		return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: releaseNamespace,
			Labels: map[string]string{instanceLabel: instance}}}
	}
	for name, tt := range map[string]struct {
		deployments []runtime.Object
		want, fails string
	}{
		"another name":   {deployments: []runtime.Object{of("lb", releaseName), of("other", "other")}, want: "lb"},
		"two of them":    {deployments: []runtime.Object{of("lb", releaseName), of("b", releaseName)}, fails: "has 2 Depl"},
		"an uninstalled": {fails: "has 0 Deployments"},
	} {
		e := &Environment{Cluster: &cluster.Cluster{Client: fake.NewClientset(tt.deployments...)}}
		d, err := e.installed(t.Context())
		if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && d.Name != tt.want {
			t.Errorf("%s: %s", name, d.Name)
		}
	}
}
