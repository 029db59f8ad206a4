package metrics

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	topTalkersWindow = 3 * time.Minute
	topTalkers       = 3
)

// talker is an object, or an Ingress group, that passes reconcile.
type talker struct{ controller, namespace, name string }

// The stages of a pass over a binding, by BindingControllerLabel.
const (
	StageBindingLoad       = "fetch_targetGroupBinding"
	StageBindingFinalizer  = "add_finalizers"
	StageBindingReconcile  = "reconcile_targetgroupbinding"
	StageBindingStatus     = "update_status"
	BindingControllerLabel = "targetGroupBinding"
)

// The stages of a pass over a GlobalAccelerator, by AcceleratorControllerLabel.
const (
	StageAcceleratorLoad       = "fetch_globalAccelerator"
	StageAcceleratorFinalizer  = "add_finalizers"
	StageAcceleratorBuild      = "build_model"
	StageAcceleratorDeploy     = "deploy_stack"
	StageAcceleratorReconcile  = "reconcile_globalaccelerator" // the whole pass
	AcceleratorControllerLabel = "globalAccelerator"
)

// StartStage starts to measure a stage of a pass, by the labels of the controller and the stage; end ends it.
func (m *Metrics) StartStage(controller, stage string) (end func()) {
	begun := time.Now()
	return func() { m.stages.WithLabelValues(controller, stage).Observe(time.Since(begun).Seconds()) }
}

// CountPass counts a pass for the top talkers.
func (m *Metrics) CountPass(controller, namespace, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.passes[talker{strings.ToLower(controller), namespace, name}]++ // this one gauge has its labels in lower case
}

// endWindow ends a window: its top talkers replace those of the one before, so that an object without passes does not
// stay listed.
func (m *Metrics) endWindow() {
	m.mu.Lock()
	talked := m.passes
	m.passes = map[talker]int{}
	m.mu.Unlock()
	m.topTalkers.Reset()
	rank := slices.SortedFunc(maps.Keys(talked), func(a, b talker) int {
		return cmp.Or(cmp.Compare(a.controller, b.controller), cmp.Compare(talked[b], talked[a]),
			cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	listed := map[string]int{}
	for _, t := range rank {
		if listed[t.controller]++; listed[t.controller] <= topTalkers {
			m.topTalkers.WithLabelValues(t.controller, t.namespace, t.name).Set(float64(talked[t]))
		}
	}
}

// Sampler updates the metrics that no pass moves. It runs on every replica.
type Sampler struct {
	Metrics *Metrics
	Cache   cache.Informers
	// Unserved are owners whose objects are not counted.
	Unserved []stack.Owner
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (Sampler) NeedLeaderElection() bool { return false }

// Start runs until ctx ends.
func (s Sampler) Start(ctx context.Context) error {
	s.count(ctx)
	for sleep.For(ctx, topTalkersWindow) == nil {
		s.Metrics.endWindow()
	}
	return nil
}

// count counts the objects of the caches, each when it comes and goes.
func (s Sampler) count(ctx context.Context) {
	kinds := []objects.Kind{objects.TargetGroupBinding}
	for _, k := range owner.Kinds {
		if !slices.Contains(s.Unserved, k.Owner) && !slices.Contains(kinds, objects.Kind(k.Kind)) {
			kinds = append(kinds, objects.Kind(k.Kind))
		}
	}
	for _, kind := range kinds {
		informer, err := s.Cache.GetInformer(ctx, readable.Kinds[kind].Object, cache.BlockUntilSynced(false))
		if err != nil {
			continue // the kind is not read
		}
		n := s.Metrics.cached.WithLabelValues(strings.ToLower(string(kind)))
		informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{ //nolint:errcheck // fails only at the end of a process
			AddFunc: func(any) { n.Inc() }, DeleteFunc: func(any) { n.Dec() }})
	}
}
