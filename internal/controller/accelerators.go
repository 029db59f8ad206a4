package controller

import (
	"cmp"
	"context"
	"slices"

	"github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/controller/accelerator"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
)

// setUpAccelerators sets up the controller of GlobalAccelerators, if they are served. The API server need not serve the
// kind yet.
func (w *Wiring) setUpAccelerators(context.Context) error {
	c := w.Config
	if !c.ServesAccelerators() {
		return nil
	}
	declared := declare.Config{
		Cluster: c.ClusterName, Region: c.Region, DefaultTags: c.DefaultTags, ObjectTagsWin: c.Gates.Enabled(
			config.EnableDefaultTagsLowPriority), ExternalTags: c.ExternalManagedTags,
	}
	from := account.New(w.Clients, declared, cmp.Or(c.DriftInterval, c.SyncPeriod), w.Now)
	from.KnownOwner, from.Refusals = w.knownOwner, w.refusals
	r := accelerator.New(from, declared, w.Now)
	r.Client, r.Live, r.Definitions, r.Metrics = w.mgr.GetClient(), w.mgr.GetAPIReader(), w.definitions, w.Metrics
	r.Holds, r.Account.Held = w.holds, w.acceleratorHeld
	r.Waiting, r.OnPlan, r.Restored = w.board, w.history.accelerated, w.checkpoints.Await
	r.Reporter, r.Deciding, r.Member = w.reporter(accelerator.Name), w.deciding, w.member
	r.Keep = KeepAccelerators(w.checkpoints)
	w.changed, w.accelerators = append(w.changed, r.Changed), r
	return r.SetUp(w.mgr, c.Accelerators.Workers, c.Accelerators.MaxBackoff)
}

// acceleratorHeld reports whether an administrator holds an accelerator.
func (w *Wiring) acceleratorHeld(key stack.Key) bool {
	return w.holds.Of(diag.Object{Kind: string(objects.GlobalAccelerator), Namespace: key.ID.Namespace,
		Name: key.ID.Name}) != nil
}

// deciding are the namespaces that decide in a group; known is false before the first pass over it.
func (w *Wiring) deciding(group stack.Key) (namespaces []string, known bool) {
	for _, s := range w.Owners {
		if s.Front.Owner() == group.Owner {
			return s.Deciding(group)
		}
	}
	return nil, false
}

// member reports whether an object is a member of a group by the last pass; known is false before the first one.
func (w *Wiring) member(group stack.Key, o diag.Object) (is, known bool) {
	for _, s := range w.Owners {
		if s.Front.Owner() == group.Owner {
			memory := s.MemoryOf(group)
			return memory.Any() && slices.Contains(memory.Members, o), memory.Any()
		}
	}
	return false, false
}

// knownOwner is the stack of a load balancer that the inventory shows.
func (w *Wiring) knownOwner(arn string) (stack.Key, bool) {
	o, known := w.Inventory.KnownOwner(arn)
	return o.Stack, known && o.Stack != (stack.Key{})
}
