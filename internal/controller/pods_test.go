package controller

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/controller/podcache"
	"github.com/k8s-lbc/lbc/internal/controller/podcache/podserver"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/await"
)

func TestPodsAreWatchedWhereAGateOrTheTargetsOfABindingNeedThem(t *testing.T) {
	t.Parallel()
	namespace := func(label string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{
			readiness.NamespaceLabel: label}}}
	}
	bound := func(kind *v1beta1.TargetType) *v1beta1.TargetGroupBinding {
		return &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
			Spec: v1beta1.TargetGroupBindingSpec{TargetType: kind}}
	}
	pod := func(gate corev1.PodConditionType) []corev1.Pod {
		return []corev1.Pod{{}, {Spec: corev1.PodSpec{ReadinessGates: []corev1.PodReadinessGate{{ConditionType: gate}}}}}
	}
	for name, tc := range map[string]struct {
		object              client.Object
		only                string // --watch-namespace
		pods                []corev1.Pod
		wantNeeds, wantKept bool
	}{
		"a labelled namespace":           {object: namespace(readiness.Enabled), wantNeeds: true, wantKept: true},
		"one that flags exclude":         {object: namespace(readiness.Enabled), only: "other"},
		"another value":                  {object: namespace("disabled")},
		"ip targets":                     {object: bound(ptr.To(v1beta1.TargetTypeIP)), wantNeeds: true, wantKept: true},
		"a type that is not known yet":   {object: bound(nil), wantNeeds: true, wantKept: true},
		"instance targets":               {object: bound(ptr.To(v1beta1.TargetTypeInstance))},
		"a pod with a gate":              {object: namespace(""), pods: pod(readiness.Gate("web")), wantKept: true},
		"a pod with a gate of something": {object: namespace(""), pods: pod("example.com/other")},
	} {
		scheme, err := readable.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		n := &podNeeds{reader: fake.NewClientBuilder().WithScheme(scheme).WithObjects(tc.object).Build(), only: tc.only}
		if got := n.by(tc.object); got != tc.wantNeeds {
			t.Errorf("%s: needed: %v", name, got)
		}
		if got := n.keep(t.Context(), "shop", anyOf(tc.pods)); got != tc.wantKept {
			t.Errorf("%s: kept: %v", name, got)
		}
	}
}

// anyOf asks about pods.
func anyOf(pods []corev1.Pod) func(func(*corev1.Pod) bool) bool {
	return func(is func(*corev1.Pod) bool) bool {
		return slices.ContainsFunc(pods, func(p corev1.Pod) bool { return is(&p) })
	}
}

// TestLookAtAWatchOfPodsCostsTheSame shows that the look which a watch of pods gets each minute goes through neither
// the bindings nor the pods of a namespace that needs them.
func TestLookAtAWatchOfPodsCostsTheSame(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes, by bindings of the namespace", func(count int) float64 {
		all := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}}
		for i := range count {
			all = append(all, &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop",
				Name: fmt.Sprint("web-", i)}, Spec: v1beta1.TargetGroupBindingSpec{TargetType: ptr.To(v1beta1.TargetTypeIP)}})
		}
		n := &podNeeds{reader: growth.NewCluster(t, all...)}
		return growth.Bytes(func() {
			if !n.keep(t.Context(), "shop", func(func(*corev1.Pod) bool) bool {
				t.Error("it goes through all pods")
				return true
			}) {
				t.Error("the pods are not needed")
			}
		})
	})
}

// TestTwentyThousandPodsAreInMemoryOnlyWhereTheyAreNeeded measures the heap. docs/benchmarks.md has the figures, which
// -v prints.
func TestTwentyThousandPodsAreInMemoryOnlyWhereTheyAreNeeded(t *testing.T) {
	if testing.Short() {
		t.Skip("tens of thousands of pods")
	}
	const namespaces, each = 20, 1000
	s := podserver.New()
	for n := range namespaces {
		for i := range each {
			s.Add(largePod(fmt.Sprint("ns-", n), fmt.Sprint("web-6d4b75cb6d-", i), n*each+i))
		}
	}
	config, options := s.Start(t)
	c := podcache.New(noCache{}, config, withTransforms(options), podcache.Options{Now: time.Now, Log: logr.Discard()})
	go func() { _ = c.Start(t.Context()) }()
	before := heapInUse()
	grown := func() float64 { return float64(heapInUse()-before) / (1 << 20) }
	list := func(n int) {
		t.Helper()
		for i := range n {
			await.Until(t, "the pods of a namespace", func() bool { return c.Await(t.Context(), fmt.Sprint("ns-", i)) == nil })
		}
	}
	none := grown()
	list(1)
	one := grown()
	list(namespaces)
	all := grown()
	t.Logf("heap: %.1f MiB if no namespace needs its pods, %.1f MiB if one of %d does, %.1f MiB if all do", none, one,
		namespaces, all)
	if none > 3 || one > all/3 || all < 10 { // of other tests something may be left
		t.Error("the pods of namespaces that do not need them are in memory")
	}
	runtime.KeepAlive(s)
}

type noCache struct{ cache.Cache }

func (noCache) Start(ctx context.Context) error { <-ctx.Done(); return nil }

// withTransforms are options with which the controller caches pods.
func withTransforms(o cache.Options) cache.Options {
	of := managerOptions(&config.Config{SyncPeriod: 10 * time.Hour}, o.Scheme, logr.Discard()).Cache
	o.ByObject, o.DefaultTransform, o.SyncPeriod = of.ByObject, of.DefaultTransform, of.SyncPeriod
	return o
}

// heapInUse is what is in use after everything else was collected.
func heapInUse() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// largePod is a pod as a Deployment has them.
func largePod(namespace, name string, n int) corev1.Pod {
	p := podserver.Pod(namespace, name)
	p.UID, p.Labels = "", map[string]string{"app": "web", "pod-template-hash": "6d4b75cb6d"}
	p.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
	p.Spec.Containers = []corev1.Container{{Name: "web", Image: "registry.example.com/web:1",
		Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
		Env:   []corev1.EnvVar{{Name: "A", Value: "a value of some length, as pods have many"}}}}
	p.Status.PodIP = fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255)
	for _, c := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady,
		corev1.PodReady} {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: c, Status: corev1.ConditionTrue,
			LastTransitionTime: metav1.Unix(1e9, 0)})
	}
	return p
}
