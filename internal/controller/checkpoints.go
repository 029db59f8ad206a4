package controller

import (
	"encoding/json"
	"os"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/controller/accelerator"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// newCheckpoints returns the writer of checkpoints in the namespace of the Lease; nil = they are switched off, or the
// namespace is not known. The manager's client reads ConfigMaps from the API server.
func (w *Wiring) newCheckpoints(restore func(checkpoint.Restored)) *checkpoint.Writer {
	log := w.Log.WithName("checkpoint")
	if !w.Config.Checkpoints {
		return nil
	}
	namespace, err := ownNamespace(w.Config.LeaderElectionNamespace)
	if err != nil {
		log.Info("no checkpoints are written, so a restart reads each load balancer from AWS: the controller's namespace "+
			"is not known; set --leader-election-namespace", "cause", err.Error())
		return nil
	}
	config := CheckpointConfig(w.Config, namespace, w.Now, log)
	config.Fenced, config.Tenant = w.fenced, w.tenant
	return checkpoint.NewWriter(checkpoint.New(w.ownObjects(), config), restore, log)
}

// tenant names the tenant of a stack.
func (w *Wiring) tenant(key stack.Key) string { return tenantOf(w.Owners, key) }

// tenantOf names the tenant of a stack of one of the reconcilers.
func tenantOf(owners []*stacks.Reconciler, key stack.Key) string {
	for _, s := range owners {
		if s.Front.Owner() == key.Owner {
			return s.Tenant(key)
		}
	}
	return key.Tenant()
}

// CheckpointConfig returns the configuration of the store of checkpoints.
func CheckpointConfig(c *config.Config, namespace string, now func() time.Time, log logr.Logger) checkpoint.Config {
	holder, err := os.Hostname()
	if err != nil {
		holder = "unknown"
	}
	return checkpoint.Config{
		Namespace: namespace, Name: checkpoint.NameOf(c.LeaderElectionID),
		Scope: c.ClusterName + " " + c.VPC + " " + c.Region, Holder: holder, Now: now, Log: log,
	}
}

// LongestAge is the age up to which restored state of AWS is used; older state is read again at once.
const LongestAge = 24 * time.Hour

// snapshots are the restored parts of stacks in AWS, unless they are too old.
func snapshots(restored checkpoint.Restored, now time.Time) map[stack.Key]inventory.Snapshot {
	out := map[stack.Key]inventory.Snapshot{}
	if age := now.Sub(restored.At); age > LongestAge {
		return out
	}
	for id, text := range restored.Entries {
		var d inventory.Snapshot
		if key, err := stack.ParseKey(id.Name); err == nil && id.Kind == checkpoint.Observed &&
			json.Unmarshal(text, &d) == nil {
			out[key] = d
		}
	}
	return out
}

// Assume has an inventory begin with what earlier processes knew. What was foreign counts only after a leader that
// ended in order: the stack of what others have tagged for this cluster since would not be found for an hour.
func Assume(inv *inventory.Inventory, restored checkpoint.Restored, now time.Time) {
	kept := inventory.Kept{Stacks: snapshots(restored, now), Since: restored.At}
	text, ok := restored.Entries[checkpoint.ID{Kind: checkpoint.Foreign, Name: checkpoint.ForeignName}]
	if ok && restored.Complete && now.Sub(restored.At) <= LongestAge && json.Unmarshal(text, &kept.Foreign) != nil {
		kept.Foreign = nil
	}
	inv.Assume(kept)
}

// ForeignOf returns what an inventory leaves to the next process of what is foreign; nil = nothing is.
func ForeignOf(inv *inventory.Inventory) func() any {
	return func() any {
		if foreign := inv.Foreign(); len(foreign) > 0 {
			return foreign
		}
		return nil
	}
}

// KeepRefusals has what AWS refuses kept for the next process.
func KeepRefusals(w *checkpoint.Writer, m *refusal.Memory) {
	m.Keep = func(key stack.Key, all []refusal.Kept) {
		if name := checkpoint.RefusalsName(key.String()); len(all) > 0 {
			w.Put(checkpoint.Memory, name, all)
		} else {
			w.Delete(checkpoint.Memory, name)
		}
	}
}

// RestoreRefusals takes over what AWS refused to earlier processes.
func RestoreRefusals(m *refusal.Memory, restored checkpoint.Restored) {
	for id, text := range restored.Entries {
		name, ok := checkpoint.RefusalsOf(id.Name)
		if !ok || id.Kind != checkpoint.Memory {
			continue
		}
		var all []refusal.Kept
		if key, err := stack.ParseKey(name); err == nil && json.Unmarshal(text, &all) == nil {
			m.Restore(key, all)
		}
	}
}

// KeepAccelerators returns a function that keeps for the next process what is known of an accelerator.
func KeepAccelerators(w *checkpoint.Writer) func(of stack.Key, k accelerator.Kept) {
	return func(of stack.Key, k accelerator.Kept) {
		if name := checkpoint.AcceleratorName(of.String()); k.Empty() {
			w.Delete(checkpoint.Memory, name)
		} else {
			w.Put(checkpoint.Memory, name, k)
		}
	}
}

// RestoreAccelerators calls a function with what an earlier process knew of each accelerator. Earlier releases kept the
// listeners alone.
func RestoreAccelerators(restored checkpoint.Restored, enter func(of stack.Key, k accelerator.Kept)) {
	for id, text := range restored.Entries {
		name, ok := checkpoint.AcceleratorOf(id.Name)
		if !ok || id.Kind != checkpoint.Memory {
			continue
		}
		var k accelerator.Kept
		key, err := stack.ParseKey(name)
		if err == nil && (json.Unmarshal(text, &k.Listeners) == nil || json.Unmarshal(text, &k) == nil) {
			enter(key, k)
		}
	}
}

// AtEnd returns registered targets, and on which objects success was recorded, as values of checkpoints.
func AtEnd(registered map[string][]registrar.Target, told []byte) map[string]any {
	out := make(map[string]any, len(registered)+1)
	for arn, ts := range registered {
		out[arn] = ts
	}
	if len(told) > 0 {
		out[checkpoint.ToldName] = told
	}
	return out
}

// RestoreTold takes over on which objects the last process recorded success, if its checkpoints are complete.
func RestoreTold(t *reporting.Told, restored checkpoint.Restored) {
	var text []byte
	of := restored.Entries[checkpoint.ID{Kind: checkpoint.Targets, Name: checkpoint.ToldName}]
	if restored.Complete && len(of) > 0 && json.Unmarshal(of, &text) == nil {
		t.Restore(text)
	}
}

// Registrations returns the targets that were registered when the last process ended, if its checkpoints are complete
// and not too old.
func Registrations(restored checkpoint.Restored, now time.Time) map[string][]registrar.Target {
	out := map[string][]registrar.Target{}
	if !restored.Complete || now.Sub(restored.At) > LongestAge {
		return out
	}
	for id, text := range restored.Entries {
		var ts []registrar.Target
		if id.Kind == checkpoint.Targets && id.Name != checkpoint.ToldName && json.Unmarshal(text, &ts) == nil {
			out[id.Name] = ts
		}
	}
	return out
}

// restoreLate enters what of checkpoints is of use after passes have begun without them.
func (w *Wiring) restoreLate(restored checkpoint.Restored) {
	w.preceding.Restore(restored)
	w.history.Restore(restored)
}
