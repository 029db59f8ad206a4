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
)

// remembered reads from the checkpoint of a cluster's controller what it remembers of stacks.
type remembered struct {
	kube    client.Reader
	config  *config.Config
	read    bool
	entries map[string]json.RawMessage // by stack
}

// of is what the controller remembers of a stack. Without a checkpoint that can be read that is not known.
func (a *remembered) of(ctx context.Context, key stack.Key) *compile.Memory {
	if !a.read {
		a.read, a.entries = true, a.peek(ctx)
	}
	text, ok := a.entries[key.String()]
	if !ok {
		return nil
	}
	var memory compile.Memory
	if json.Unmarshal(text, &memory) != nil {
		return nil
	}
	return &memory
}

// peek reads in addition to each Lease of a leader. A user whose rights do not reach to them plans without.
func (a *remembered) peek(ctx context.Context) map[string]json.RawMessage {
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
