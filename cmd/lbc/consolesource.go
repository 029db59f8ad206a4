package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/console"
	"github.com/k8s-lbc/lbc/internal/view/console/data"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// consoleSource is the data of the console: what lbc plan and lbc explain show.
type consoleSource struct {
	options *consoleOptions
	now     func() time.Time
	stdin   []byte

	mu      sync.Mutex // over all below; health is read without it
	src     *source
	at      time.Time
	problem string
	results map[string]offline.Result // by key
	keys    []string
	others  []console.Finding
}

func (s *consoleSource) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.src.close()
}

// read reads cluster and account, and plans all load balancers. If it fails, what was read before stays.
func (s *consoleSource) read(ctx context.Context, errOut io.Writer) error {
	o := s.options
	if o.allNamespaces {
		o.namespace = "" // which open completes
	}
	src, err := o.open(ctx, errOut, s.stdinOf())
	if err != nil {
		return err
	}
	hint(errOut, src.assumedClasses)
	src.sayBroken(errOut)
	got, err := s.plans(ctx, src)
	if err != nil {
		src.close()
		return err
	}
	if s.src != nil {
		s.src.close()
	}
	s.src, s.at, s.problem = src, s.now(), ""
	s.results, s.keys = map[string]offline.Result{}, nil
	for _, r := range got.Stacks {
		s.results[r.Key.String()] = r
		s.keys = append(s.keys, r.Key.String())
	}
	s.others = data.Findings("", explain.Findings(got.Diagnostics))
	return nil
}

// plans are those of all load balancers that are to be shown.
func (s *consoleSource) plans(ctx context.Context, src *source) (offline.Outcome, error) {
	o := s.options
	if len(o.files) > 0 || o.allNamespaces {
		return o.plans(ctx, src)
	}
	got, err := o.plans(ctx, src)
	got.Diagnostics = slices.DeleteFunc(got.Diagnostics, func(d diag.Diagnostic) bool {
		return d.Object.Namespace != o.namespace
	})
	return got, err
}

// Overview implements console.Source.
func (s *consoleSource) Overview(ctx context.Context, fresh bool) (console.Overview, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fresh {
		if err := s.read(ctx, io.Discard); err != nil {
			s.problem = err.Error()
		}
	}
	c := &s.options.config
	out := console.Overview{Cluster: c.ClusterName, Region: c.Region, Account: "your credentials", Read: s.at,
		Problem: s.problem, LoadBalancers: []console.Summary{}, Findings: slices.Clone(s.others)}
	switch {
	case s.src.builtIn:
		out.Account = "built into lbc, simulated"
	case s.src.recorded:
		out.Account = "recorded in " + s.options.account
	case !s.src.live:
		out.Account = "simulated from " + s.options.account
	}
	for _, k := range s.keys {
		b := shown(s.results[k])
		out.LoadBalancers = append(out.LoadBalancers, b.Summary())
		out.Findings = append(out.Findings, data.Findings(k, b.Findings)...)
	}
	data.ErrorsFirst(out.Findings)
	return out, nil
}

// result is the plan of a load balancer.
func (s *consoleSource) result(key string) (offline.Result, *source, error) {
	r, ok := s.results[key]
	if !ok {
		return r, nil, fmt.Errorf("load balancer %q: %w", key, console.ErrNotFound)
	}
	return r, s.src, nil
}

// shown is a plan as the console shows it.
func shown(r offline.Result) data.LoadBalancer {
	b := data.LoadBalancer{
		Key: r.Key, Stack: r.Compiled.Stack, Keep: r.Compiled.Keep, Origins: r.Compiled.Origins, Observed: r.Observed,
		Plan: r.Plan, Unbuildable: r.Unbuildable,
		Findings: append(explain.Findings(r.Diagnostics), unmetFindings(r.Unmet)...),
	}
	for _, m := range r.Input.LoadBalancer.Members {
		b.Objects = append(b.Objects, m.Object)
	}
	return b
}

// input is what is explained of a plan, from the point of view of its first object.
func (s *consoleSource) input(src *source, r offline.Result) explain.Input {
	b := shown(r)
	c := &s.options.config
	return b.Explained(r.Diagnostics, c.DefaultTags).WithObjects(objects.New(src.reader), settings.Ingress(c).Config,
		r.Input.Decisions)
}

// LoadBalancer implements console.Source.
func (s *consoleSource) LoadBalancer(ctx context.Context, key string) (console.Detail, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, src, err := s.result(key)
	if err != nil {
		return console.Detail{}, err
	}
	in := s.input(src, r)
	var unread error
	in.Targets, unread = healthOf(ctx, src, r.Observed)
	b := shown(r)
	d := b.Detail(explain.Explain(in))
	d.Read = s.now()
	if unread != nil {
		d.HealthProblem = unread.Error()
	}
	s.nameTargets(ctx, src, r, &d)
	d.Events, d.Passes = s.events(ctx, src, r), lastPlans(ctx, src, r.Key)
	return d, nil
}

// nameTargets adds the pods and nodes that targets are. What may not be read stays without a name.
func (s *consoleSource) nameTargets(ctx context.Context, src *source, r offline.Result, d *console.Detail) {
	if src.kube == nil || r.Compiled.Stack == nil {
		return
	}
	names := map[string]string{}
	var namespaces []string
	instances := false
	for _, b := range r.Compiled.Stack.Bindings {
		instances = instances || b.TargetType == "instance"
		if b.TargetType == "ip" && !slices.Contains(namespaces, b.Namespace) {
			namespaces = append(namespaces, b.Namespace)
		}
	}
	for _, ns := range namespaces {
		pods := &corev1.PodList{}
		if src.kube.List(ctx, pods, client.InNamespace(ns)) != nil {
			continue
		}
		for _, p := range pods.Items {
			for _, ip := range p.Status.PodIPs {
				if !p.Spec.HostNetwork {
					names[ip.IP] = "Pod " + ns + "/" + p.Name
				}
			}
		}
	}
	if nodes := (&corev1.NodeList{}); instances && src.kube.List(ctx, nodes) == nil {
		for _, n := range nodes.Items {
			names[n.Spec.ProviderID[strings.LastIndex(n.Spec.ProviderID, "/")+1:]] = "Node " + n.Name
		}
	}
	for _, tg := range d.TargetGroups {
		for i := range tg.Targets {
			tg.Targets[i].Object = names[tg.Targets[i].ID]
		}
	}
}

// eventsShown is how many events are shown of a load balancer.
const eventsShown = 30

// events are the latest events of the objects of a load balancer. What may not be read is left out.
func (s *consoleSource) events(ctx context.Context, src *source, r offline.Result) []console.Event {
	out := []console.Event{}
	if src.kube == nil {
		return out
	}
	for _, m := range r.Input.LoadBalancer.Members {
		list := &corev1.EventList{}
		if src.kube.List(ctx, list, client.InNamespace(m.Object.Namespace), client.MatchingFields{
			"involvedObject.name": m.Object.Name, "involvedObject.kind": m.Object.Kind}) != nil {
			continue
		}
		for _, e := range list.Items {
			at := e.LastTimestamp.Time
			if at.IsZero() {
				at = e.EventTime.Time
			}
			out = append(out, console.Event{Time: at, Type: e.Type, Reason: e.Reason, Object: m.Object.String(),
				Message: e.Message, Count: max(1, e.Count)})
		}
	}
	slices.SortStableFunc(out, func(a, b console.Event) int { return b.Time.Compare(a.Time) })
	return out[:min(len(out), eventsShown)]
}

// lastPlans are those that the LoadBalancer objects of a load balancer show. What may not be read is left out.
func lastPlans(ctx context.Context, src *source, key stack.Key) []console.Pass {
	out := []console.Pass{}
	var all v1alpha1.LoadBalancerList
	if src.kube == nil || src.kube.List(ctx, &all) != nil {
		return out
	}
	for i := range all.Items {
		of, ok := reporting.KeyOf(&all.Items[i])
		if p := all.Items[i].Status.LastPlan; ok && of == key && p != nil {
			out = append(out, console.Pass{Time: p.Time.Time, Summary: p.Summary, Result: p.Result,
				Steps: append([]string{}, p.Steps...)})
		}
	}
	return out
}

// Ask implements console.Source.
func (s *consoleSource) Ask(ctx context.Context, q console.Question) (explain.Walk, error) {
	request, err := data.Request(q)
	if err != nil {
		return explain.Walk{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, src, err := s.result(q.Key)
	if err != nil {
		return explain.Walk{}, err
	}
	in := s.input(src, r)
	if err := data.Answerable(in); err != nil {
		return explain.Walk{}, err
	}
	if in.Targets, err = healthOf(ctx, src, r.Observed); err != nil {
		in.Targets = nil // the way does not depend on it
	}
	return data.Ask(in, request, q.Follow), nil
}

// Plans implements console.Source.
func (s *consoleSource) Plans(context.Context) ([]console.Planned, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return data.Planned(func(kind objects.Kind) []metav1.Object { return s.src.snapshot.List(kind, "") }), nil
}
