package main

import (
	"context"
	"encoding/json"
	"maps"
	"sync"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

// remembered reads from the checkpoint of a cluster's controller what it remembers of stacks and bindings. It is safe
// for concurrent use.
type remembered struct {
	kube   client.Reader
	config *config.Config

	mu      sync.Mutex
	entries map[checkpoint.Kind]map[string]json.RawMessage // those of the kinds that were read, by name
}

// of is what the controller remembers of a stack. Without a checkpoint that can be read that is not known.
func (a *remembered) of(ctx context.Context, key stack.Key) *compile.Memory {
	var memory compile.Memory
	if !a.entry(ctx, checkpoint.Memory, key.String(), &memory) {
		return nil
	}
	return &memory
}

// preceding is the record of the targets that may be older than a binding.
func (a *remembered) preceding(ctx context.Context, namespace, name string) (record bindings.Preceding, known bool) {
	known = a.entry(ctx, checkpoint.Preceding, stack.ID{Namespace: namespace, Name: name}.String(), &record)
	return record, known
}

// entry reads an entry of a kind into to, and reports whether there is one.
func (a *remembered) entry(ctx context.Context, kind checkpoint.Kind, name string, to any) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	all, read := a.entries[kind]
	if !read {
		all = a.peek(ctx, kind)
		if a.entries == nil {
			a.entries = map[checkpoint.Kind]map[string]json.RawMessage{}
		}
		a.entries[kind] = all
	}
	text, ok := all[name]
	return ok && json.Unmarshal(text, to) == nil
}

// peek reads in addition to each Lease of a leader. A user whose rights do not reach to them plans without.
func (a *remembered) peek(ctx context.Context, kind checkpoint.Kind) map[string]json.RawMessage {
	var at []client.ObjectKey
	if ns := a.config.LeaderElectionNamespace; ns != "" {
		at = append(at, client.ObjectKey{Namespace: ns, Name: a.config.LeaderElectionID})
	} else {
		l := &coordinationv1.LeaseList{}
		if a.kube.List(ctx, l, client.MatchingFields{"metadata.name": a.config.LeaderElectionID}) != nil {
			return nil
		}
		for _, x := range l.Items {
			at = append(at, client.ObjectKeyFromObject(&x))
		}
	}
	out := map[string]json.RawMessage{}
	for _, x := range at {
		x.Name = checkpoint.NameOf(x.Name)
		if entries, err := checkpoint.Peek(ctx, a.kube, x, kind); err == nil {
			maps.Copy(out, entries)
		}
	}
	return out
}
