package main

import (
	"context"
	"encoding/json"
	"maps"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

// applied reads from the checkpoint of a cluster's controller which fields of stacks it applied last.
type applied struct {
	kube    client.Reader
	config  *config.Config
	read    bool
	entries map[string]json.RawMessage // by stack
}

// of are the fields that were applied last to a stack, none if no drift policy withheld anything yet: the controller carries a new policy's first plan out
// whole. Without a checkpoint that can be read they are not known.
func (a *applied) of(ctx context.Context, key stack.Key) (fields policy.Fields, known bool) {
	if !a.read { // only if a plan has a drift policy
		a.read, a.entries = true, a.peek(ctx)
	}
	text, ok := a.entries[key.String()]
	if !ok {
		return nil, false
	}
	var memory compile.Memory
	if json.Unmarshal(text, &memory) != nil {
		return nil, false
	}
	return memory.Applied, true
}

// peek reads beside each Lease of a leader. A user whose rights do not reach to them plans without.
func (a *applied) peek(ctx context.Context) map[string]json.RawMessage {
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
		if entries, err := checkpoint.Peek(ctx, a.kube, x, checkpoint.Memory); err == nil {
			maps.Copy(out, entries)
		}
	}
	return out
}
