package controller

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/stack"
)

const (
	sampleEvery  = 30 * time.Second
	talkerWindow = 3 * time.Minute
	topTalkers   = 3
)

// talker is an object, or an Ingress group, that passes are made over.
type talker struct{ controller, namespace, name string }

// stage names a part of a pass over a stack.
type stage int

const (
	stageLoad stage = iota
	stageFinalizer
	stageBuild
	stageDeploy
	stageStatus
	stageRelease
)

// stageNames are what dashboards of the existing controller know.
var stageNames = map[stack.Owner]map[stage]string{
	stack.Ingress: {
		stageLoad: "fetch_ingress", stageFinalizer: "add_group_finalizer", stageBuild: "build_model", stageDeploy: "deploy_model",
		stageStatus: "dns_resolve_and_update_status", stageRelease: "remove_group_finalizer",
	},
	stack.Service: {
		stageLoad: "fetch_service", stageFinalizer: "add_finalizers", stageBuild: "build_model", stageDeploy: "deploy_model",
		stageStatus: "update_status", stageRelease: "cleanup_load_balancer",
	},
}

// Stages of a pass over a binding.
const (
	stageBindingReconcile  = "reconcile_targetgroupbinding"
	stageBindingStatus     = "update_status"
	bindingControllerLabel = "targetGroupBinding"
)

// controllerOf is the label of an owner's controller.
func controllerOf(o stack.Owner) string { return strings.TrimSuffix(string(o), ".k8s.aws") }

// spent begins to measure a stage of a pass over a stack; what it returns ends it.
func (m *metrics) spent(o stack.Owner, s stage) (end func()) {
	return m.spentIn(controllerOf(o), stageNames[o][s])
}

func (m *metrics) spentIn(controller, name string) (end func()) {
	begun := time.Now()
	return func() { m.stages.WithLabelValues(controller, name).Observe(time.Since(begun).Seconds()) }
}

// passed counts a pass for the list of those that had most.
func (m *metrics) passed(controller, namespace, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.talked[talker{strings.ToLower(controller), namespace, name}]++ // this one gauge has its labels in lower case
}

// window ends a window: its top talkers replace those of the one before, so that nobody stays listed who has fallen silent.
func (m *metrics) window() {
	m.mu.Lock()
	talked := m.talked
	m.talked = map[talker]int{}
	m.mu.Unlock()
	m.talkers.Reset()
	rank := slices.SortedFunc(maps.Keys(talked), func(a, b talker) int {
		return cmp.Or(cmp.Compare(a.controller, b.controller), cmp.Compare(talked[b], talked[a]), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	listed := map[string]int{}
	for _, t := range rank {
		if listed[t.controller]++; listed[t.controller] <= topTalkers {
			m.talkers.WithLabelValues(t.controller, t.namespace, t.name).Set(float64(talked[t]))
		}
	}
}

// sampler keeps the metrics current that no pass moves. It runs on every replica.
type sampler struct {
	metrics *metrics
	cache   client.Reader
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (sampler) NeedLeaderElection() bool { return false }

// Start runs until ctx ends.
func (s sampler) Start(ctx context.Context) error {
	s.count(ctx)
	sample, window := time.NewTicker(sampleEvery), time.NewTicker(talkerWindow)
	defer sample.Stop()
	defer window.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sample.C:
			s.count(ctx)
		case <-window.C:
			s.metrics.window()
		}
	}
}

// count counts what the caches hold.
func (s sampler) count(ctx context.Context) {
	for resource, list := range map[string]client.ObjectList{
		"service": &corev1.ServiceList{}, "ingress": &networkingv1.IngressList{}, "targetgroupbinding": &v1beta1.TargetGroupBindingList{},
	} {
		if s.cache.List(ctx, list, client.UnsafeDisableDeepCopy) == nil {
			s.metrics.cached.WithLabelValues(resource).Set(float64(meta.LenList(list)))
		}
	}
}
