// Package consolesource provides the data of the controller's web console: what the last passes over stacks read,
// decided and changed, the recorded events, and the health of targets of the load balancer that a user looks at. It
// keeps values of the passes and writes nothing.
package consolesource

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/view/console"
	"github.com/k8s-lbc/lbc/internal/view/console/data"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// Options are what a Source reads besides what it is given.
type Options struct {
	Config *config.Config
	// Objects are those of the caches, for one answer.
	Objects func(ctx context.Context) *objects.View
	// Names are the pods and nodes that targets are, by address and by id of the instance.
	Names func(ctx context.Context, s *stack.Stack) map[string]string
	// Health reads the health of targets.
	Health registrar.Describer
	// Standby is why this replica makes no passes, with the replica that does; empty = it makes them. Nil = it does always.
	Standby func(ctx context.Context) string
	Now     func() time.Time
}

// Source implements console.Source. Passes and events are noted while answers are given.
type Source struct {
	Options
	health *cache.Cache[string, []explain.Target] // by ARN of the target group

	mu        sync.Mutex
	balancers map[stack.Key]*balancer
	others    map[stack.Key][]console.Finding // of stacks without a load balancer
	events    events
}

// New makes a Source that knows nothing yet.
func New(o Options) *Source {
	s := &Source{Options: o, balancers: map[stack.Key]*balancer{}, others: map[stack.Key][]console.Finding{}}
	s.health = newHealth(o.Health, o.Now)
	return s
}

// Overview implements console.Source. Nothing is read again, as passes keep what is shown up to date.
func (s *Source) Overview(ctx context.Context, _ bool) (console.Overview, error) {
	out := console.Overview{
		Cluster: s.Config.ClusterName, Region: s.Config.Region, Account: "the controller's role", Read: s.Now(), LoadBalancers: []console.Summary{}, Findings: []console.Finding{},
	}
	if s.Standby != nil {
		out.Note = s.Standby(ctx)
	}
	_, broken := front.Keys(s.Objects(ctx), settings.Loaders(s.Config, false))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range sortedKeys(s.balancers) {
		b := s.balancers[key]
		out.LoadBalancers = append(out.LoadBalancers, b.summary)
		out.Findings = append(out.Findings, data.Findings(b.summary.Key, b.shown.Findings)...)
	}
	for _, key := range sortedKeys(s.others) {
		out.Findings = append(out.Findings, s.others[key]...)
	}
	reported := map[[2]string]bool{}
	for _, f := range out.Findings {
		reported[[2]string{f.Object, f.Reason}] = true
	}
	for _, f := range data.Findings("", explain.Findings(broken)) { // of objects over which there is no pass
		if !reported[[2]string{f.Object, f.Reason}] {
			out.Findings = append(out.Findings, f)
		}
	}
	data.ErrorsFirst(out.Findings)
	return out, nil
}

func sortedKeys[V any](m map[stack.Key]V) []stack.Key {
	keys := make([]stack.Key, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sorting.By(keys, stack.Key.Compare)
	return keys
}

// of is what is known of a load balancer. The next pass replaces it and does not change what it refers to.
func (s *Source) of(key string) (balancer, error) {
	if k, err := stack.ParseKey(key); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if b := s.balancers[k]; b != nil {
			out := *b
			out.shown.Observed = b.shown.Observed.Clone() // for one answer
			return out, nil
		}
	}
	return balancer{}, fmt.Errorf("load balancer %q: %w", key, console.ErrNotFound)
}

// input is what is explained of a load balancer, from the point of view of its first object.
func (s *Source) input(ctx context.Context, b *balancer) explain.Input {
	in := b.shown.Explained(b.found, s.Config.DefaultTags)
	return in.WithObjects(s.Objects(ctx), settings.Ingress(s.Config).Config, b.decisions)
}

// LoadBalancer implements console.Source.
func (s *Source) LoadBalancer(ctx context.Context, key string) (console.Detail, error) {
	b, err := s.of(key)
	if err != nil {
		return console.Detail{}, err
	}
	in := s.input(ctx, &b)
	var unread error
	in.Targets, unread = s.targets(ctx, b.shown.Observed)
	d := b.shown.Detail(explain.Explain(in))
	d.Read, d.Steps, d.Passes = s.Now(), b.left, append(d.Passes, b.passes...)
	if unread != nil {
		d.HealthProblem = unread.Error()
	}
	s.nameTargets(ctx, &b, &d)
	s.mu.Lock()
	defer s.mu.Unlock()
	d.Events = s.events.about(b.concerned())
	return d, nil
}

// nameTargets adds the pods and nodes that targets are.
func (s *Source) nameTargets(ctx context.Context, b *balancer, d *console.Detail) {
	if s.Names == nil || b.shown.Stack == nil {
		return
	}
	names := s.Names(ctx, b.shown.Stack)
	for _, tg := range d.TargetGroups {
		for i := range tg.Targets {
			tg.Targets[i].Object = names[tg.Targets[i].ID]
		}
	}
}

// Ask implements console.Source.
func (s *Source) Ask(ctx context.Context, q console.Question) (console.Walk, error) {
	request, err := data.Request(q)
	if err != nil {
		return console.Walk{}, err
	}
	b, err := s.of(q.Key)
	if err != nil {
		return console.Walk{}, err
	}
	in := s.input(ctx, &b)
	if err := data.Answerable(in); err != nil {
		return console.Walk{}, err
	}
	if in.Targets, err = s.targets(ctx, b.shown.Observed); err != nil {
		in.Targets = nil // the way does not depend on it
	}
	return data.Ask(in, request, q.Follow), nil
}

// Plans implements console.Source.
func (s *Source) Plans(ctx context.Context) ([]console.Planned, error) {
	v := s.Objects(ctx)
	all := data.Planned(func(kind objects.Kind) []metav1.Object {
		if kind == objects.Gateway && !s.Config.ServesGateways() || !v.Serves(kind) {
			return nil
		}
		return v.List(kind)
	})
	return all, v.Err()
}
