package metrics

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	sampleEvery      = 30 * time.Second
	topTalkersWindow = 3 * time.Minute
	topTalkers       = 3
)

// talker is an object, or an Ingress group, over which passes are made.
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
	rank := sorting.Sorted(maps.Keys(talked), func(a, b talker) int {
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
	Cache   client.Reader
	// Unserved are owners whose objects are not counted.
	Unserved []stack.Owner
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (Sampler) NeedLeaderElection() bool { return false }

// Start runs until ctx ends.
func (s Sampler) Start(ctx context.Context) error {
	s.count(ctx)
	sample, window := time.NewTicker(sampleEvery), time.NewTicker(topTalkersWindow)
	defer sample.Stop()
	defer window.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sample.C:
			s.count(ctx)
		case <-window.C:
			s.Metrics.endWindow()
		}
	}
}

// count counts the objects of the caches.
func (s Sampler) count(ctx context.Context) {
	kinds := []objects.Kind{objects.TargetGroupBinding}
	for _, k := range owner.Kinds {
		if !slices.Contains(s.Unserved, k.Owner) && !slices.Contains(kinds, objects.Kind(k.Kind)) {
			kinds = append(kinds, objects.Kind(k.Kind))
		}
	}
	for _, kind := range kinds {
		list := readable.List(kind)
		if s.Cache.List(ctx, list, client.UnsafeDisableDeepCopy) == nil {
			s.Metrics.cached.WithLabelValues(strings.ToLower(string(kind))).Set(float64(meta.LenList(list)))
		}
	}
}
