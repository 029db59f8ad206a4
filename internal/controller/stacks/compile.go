package stacks

import (
	"context"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func (s *Reconciler) compiler() front.Compiler {
	return front.Compiler{Facts: s.Inventory, Config: s.Compile}
}

// rereadMissing has the next compile read again what AWS did not have in the last pass: it may be there now. Forgotten
// at the end of the last pass, it would be read for another stack before it is there, and believed. Forgotten at each
// attempt of one pass, lists would change at each attempt, and no attempt could take anything away. However often
// objects are edited, the inventory reads it again after a pause only.
func (s *Reconciler) rereadMissing(key stack.Key) {
	s.mu.Lock()
	st := s.state(key)
	missed := st.missed
	st.missed = nil
	s.mu.Unlock()
	s.Inventory.RereadMissing(missed...)
}

// compileStack compiles an input, and remembers its valid members for the next time. stale reports whether an answer
// is past its lifetime: from such an answer nobody concludes that something does not exist in AWS.
func (s *Reconciler) compileStack(ctx context.Context, key stack.Key, w front.Input, stale func() bool) (
	compile.Result, error) {
	s.mu.Lock()
	st := s.state(key)
	before := st.memory
	s.noteLeft(w, before)
	if w.LoadBalancer.Deciders != nil {
		st.deciding = w.LoadBalancer.Deciders.Namespaces
	}
	s.mu.Unlock()
	w = s.moving(key, w, before)
	c, needs, err := s.compiler().Compile(ctx, key, w, before)
	if missed := missingNeeds(c.Diagnostics, needs); err == nil && stale() && len(missed) > 0 {
		s.Inventory.InvalidateFacts(missed...) // what is missing may have come since
		c, needs, err = s.compiler().Compile(ctx, key, w, before)
	}
	if err != nil || !w.Declared {
		return c, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st = s.state(key)
	if st.memory != nil {
		c.Memory.Applied, c.Memory.Placement = st.memory.Applied, st.memory.Placement
	}
	st.memory = c.Memory
	s.Checkpoints.Put(checkpoint.Memory, key.String(), c.Memory)
	st.discovery = discoveryOf(w.LoadBalancer, c.Memory.Good, c.Diagnostics)
	st.missed = slices.DeleteFunc(missingNeeds(c.Diagnostics, needs), func(n facts.Need) bool {
		return n.Kind == facts.NeedCertificates // see CertificateWatcher
	})
	return c, nil
}

// missingNeeds returns the needs in whose answers AWS did not have what findings miss.
func missingNeeds(found diag.List, needs []facts.Need) (missed []facts.Need) {
	kinds := map[facts.NeedKind]bool{}
	for _, d := range found {
		for _, kind := range answering(d.Code) {
			kinds[kind] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(needs), func(n facts.Need) bool { return !kinds[n.Kind] })
}

// keepObserved lets the next process begin with what is known of a stack.
func (s *Reconciler) keepObserved(key stack.Key) {
	if d := s.Inventory.Snapshot(key); !d.Empty() {
		s.Checkpoints.Put(checkpoint.Observed, key.String(), d)
	} else {
		s.Checkpoints.Delete(checkpoint.Observed, key.String())
	}
}

// expect returns the known AWS resources of a stack. Parts of them may be assumed.
func (s *Reconciler) expect(ctx context.Context, key stack.Key, desired *stack.Stack, w front.Input) (
	awsop.Observed, error) {
	o, err := s.Inventory.Observed(ctx, key, desired)
	if err != nil {
		return awsop.Observed{}, err
	}
	o.Hostnames = w.Hostnames(key.Owner)
	o.Bindings, err = s.Bindings.List(ctx, key)
	return o, err
}

// observe returns the AWS resources of a stack for callers that conclude more than "nothing is to be done". Assumed
// parts are read first.
func (s *Reconciler) observe(ctx context.Context, key stack.Key, desired *stack.Stack, w front.Input) (
	awsop.Observed, error) {
	o, err := s.expect(ctx, key, desired, w)
	if err != nil || !o.Assumed() {
		return o, err
	}
	s.Inventory.RereadAssumed(key)
	return s.expect(ctx, key, desired, w)
}

// constructed returns the input of a Gateway without a recorded construction of rules: existing rules stay as they
// are. loaded reports that the input was loaded again, because the front end had derived another construction.
func (p *pass) constructed(ctx context.Context) (_ front.Input, loaded bool, err error) {
	s, key, w := p.reconciler, p.key, p.input
	f, is := p.front.(front.Gateway)
	derived, open := front.DerivedConstruction(w)
	if !is || !open {
		return w, false, nil
	}
	o, err := s.Inventory.Observed(ctx, key, nil)
	if err == nil && len(o.LoadBalancers) == 0 && derived == rule.Compatible {
		if news, failed := s.Inventory.ConfirmAbsence(ctx, key); failed != nil || news {
			err = failed
			if err == nil {
				o, err = s.Inventory.Observed(ctx, key, nil)
			}
		}
	}
	if err == nil && len(o.LoadBalancers) > 0 {
		o, err = s.Inventory.Observed(ctx, key, front.WithRules(key))
	}
	if err != nil {
		return w, false, err
	}
	other, differs := front.OtherConstruction(key, o, &s.Compile, derived)
	if !differs {
		return w, false, nil
	}
	return f.BuildingAs(other).Load(p.view, key.ID), true, nil
}
