package bindingpass

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/pairs"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// memory is what passes keep of bindings for the next. The zero value is ready to use.
type memory struct {
	mu sync.Mutex
	of map[types.NamespacedName]kept
}

// kept is what is kept of a binding.
type kept struct {
	uid       types.UID
	finalized bool // the API server has taken our finalizer once
	// marked is the binding as the cache showed it last, from the write of our finalizer at markedAt until markedFor is
	// over; see vanished.
	marked   *v1beta1.TargetGroupBinding
	markedAt time.Time
	group    *elbtypes.TargetGroup // that its spec is completed from, or compared with, as it was read
	read     int64                 // the generation for which AWS last described the group
	// unanswered: AWS did not describe the group when a pass asked last.
	unanswered bool
	// unidentified are the keys of endpoints without QUIC server id that are counted.
	unidentified map[string]bool
	// served is the target group, and the scope in which it is reached, of the last pass that served it.
	served     registrar.Group
	awaited    time.Duration      // the last pause before the listing was looked for; see awaitListing
	moved      bool               // an edit since the process began has given it another target group
	generation int64              // of the last pass that asked for targets
	some       bool               // that pass asked for any
	emptySince time.Time          // since when its Service has no endpoints; zero = it has some
	selects    uint64             // what decided which endpoints its Service had when it had some last; 0 = not known
	compared   bool               // its endpoints were compared with the targets that were registered at the start
	emptied    bool               // an edit of the Service has led to there being none since
	unproven   bool               // whether endpoints that the last pass missed have left could not be read
	port       corev1.ServicePort // of its Service when it wanted targets last
	nowhere    uint64             // as selects, of an edit whose EndpointSlices have not all followed; 0 = all have
	inherited  time.Time          // of the first pass, if an earlier process served it; zero = none did
	seeded     bool               // its pods were compared with the targets that were registered at the start
	withdrawn  bool               // its targets have left the target group of others; see withdraw
	ending
}

// ending is how far the deletion of a binding has come.
type ending struct {
	cleared    bool // nothing of it is left in AWS
	successors []v1beta1.TargetGroupBinding
	opened     bool // the gates of its pods
}

// get is what is kept of a binding.
func (m *memory) get(o *v1beta1.TargetGroupBinding) kept {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.of[client.ObjectKeyFromObject(o)]; k.uid == o.UID {
		return k
	}
	return kept{uid: o.UID}
}

// edited reports whether a binding was edited since the last pass of this process that asked for targets. This one asks
// for so many.
func (m *memory) edited(o *v1beta1.TargetGroupBinding, targets int) bool {
	k := m.get(o)
	before := k.generation
	if some := targets > 0; before != o.Generation || k.some != some {
		k.generation, k.some = o.Generation, some
		m.put(o, k)
	}
	return before != 0 && before != o.Generation
}

// release ends what an edit of the Service of a binding led to, once no target stays because of it. If its
// EndpointSlices go on to follow the edit, the next endpoints that they lose show that.
func (m *memory) release(o *v1beta1.TargetGroupBinding) {
	if k := m.get(o); k.emptied && k.selects != 0 {
		k.emptied, k.nowhere = false, 0
		m.put(o, k)
	}
}

// awaitListing is the pause before the next pass over a binding whose target group the first listing will show. A
// listing takes seconds, unless AWS does not answer.
func (m *memory) awaitListing(o *v1beta1.TargetGroupBinding, longest time.Duration) time.Duration {
	k := m.get(o)
	k.awaited = min(max(3*k.awaited, 2*time.Second), longest)
	m.put(o, k)
	return k.awaited
}

func (m *memory) put(o *v1beta1.TargetGroupBinding, k kept) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = map[types.NamespacedName]kept{}
	}
	m.of[client.ObjectKeyFromObject(o)] = k
}

// markedFor limits how long after the write of its finalizer a binding can vanish because its deletion overtook the
// write. A binding that vanishes later proves nothing: a user removed its finalizer, or restored an older cluster.
const markedFor = 15 * time.Second

// vanished returns a binding, with our finalizer, that no longer exists although our finalizer was written to it; nil =
// there is none of that name. The API server looks for finalizers before it deletes, and deletes even if one is written
// in between.
func (m *memory) vanished(name types.NamespacedName, now time.Time) *v1beta1.TargetGroupBinding {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.of[name]
	if k.marked == nil || !k.finalized || !k.cleared && now.Sub(k.markedAt) > markedFor {
		return nil
	}
	o := k.marked.DeepCopy()
	controllerutil.AddFinalizer(o, naming.BindingFinalizer)
	return o
}

func (m *memory) forget(binding types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.of, binding)
}

func (m *memory) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.of)
}

// ChangeTimes keeps, by binding, when the informers delivered the first change of its endpoints that no pass has taken
// over yet. It is safe for concurrent use; a nil ChangeTimes keeps nothing.
type ChangeTimes struct {
	now func() time.Time

	mu sync.Mutex
	of map[types.NamespacedName]time.Time
}

// NewChangeTimes makes an empty ChangeTimes.
func NewChangeTimes(now func() time.Time) *ChangeTimes {
	return &ChangeTimes{now: now, of: map[types.NamespacedName]time.Time{}}
}

// note notes a change.
func (c *ChangeTimes) note(binding types.NamespacedName) {
	if c != nil {
		c.restore(binding, c.now())
	}
}

// restore notes a change with the time at which it came, such as a change that a failed pass has taken.
func (c *ChangeTimes) restore(binding types.NamespacedName, at time.Time) {
	if c == nil || at.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if before, ok := c.of[binding]; !ok || at.Before(before) {
		c.of[binding] = at
	}
}

// take returns when the first change of a binding came that no pass has taken, and forgets it; zero = there is none. A
// pass calls take before it reads the endpoints.
func (c *ChangeTimes) take(binding client.ObjectKey) time.Time {
	if c == nil {
		return time.Time{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.of[binding]
	delete(c.of, binding)
	return at
}

// missingNodesReader answers endpoint resolution from the caches, and notes which nodes they do not have.
type missingNodesReader struct {
	notingCluster
	names []string
}

// Node implements registrar.Cluster.
func (c *missingNodesReader) Node(ctx context.Context, name string) (*corev1.Node, bool) {
	n, ok := c.notingCluster.Node(ctx, name)
	if !ok && name != "" {
		c.names = append(c.names, name)
	}
	return n, ok
}

// waits are the bindings that left out endpoints because of what the cache did not have, such as nodes; by name. The
// zero value is usable.
type waits struct {
	mu sync.Mutex
	of pairs.Map[types.NamespacedName, string, struct{}]
}

// note replaces the names of what a binding misses; none: it misses nothing.
func (w *waits) note(binding types.NamespacedName, names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of.DeleteOf(binding)
	for _, name := range names {
		w.of.Set(binding, name, struct{}{})
	}
}

// missing are the bindings of a namespace, or of all if it is empty, that miss what has a name.
func (w *waits) missing(namespace, name string) (out []types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for binding := range w.of.By(name) {
		if namespace == "" || binding.Namespace == namespace {
			out = append(out, binding)
		}
	}
	return out
}

// bindingSet is a set of bindings. The zero value is usable.
type bindingSet struct {
	mu sync.Mutex
	of map[types.NamespacedName]bool
}

func (s *bindingSet) set(binding types.NamespacedName, in bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !in:
		delete(s.of, binding)
	case s.of == nil:
		s.of = map[types.NamespacedName]bool{binding: true}
	default:
		s.of[binding] = true
	}
}

// all are the bindings of the set, unordered.
func (s *bindingSet) all() []types.NamespacedName {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.of))
}
