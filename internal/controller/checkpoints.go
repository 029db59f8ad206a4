package controller

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/checkpoint"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// NewKeeper keeps checkpoints in the namespace of the Lease, unless a flag says no or the namespace is not known.
func (w *wiring) newCheckpoints(restore func(checkpoint.Kept)) *checkpoint.Keeper {
	log := w.log.WithName("checkpoint")
	if !w.config.Checkpoints {
		return nil
	}
	namespace, err := ownNamespace(w.config.LeaderElectionNamespace)
	if err != nil {
		log.Info("no checkpoints are kept, so a restart reads each load balancer from AWS: the controller's namespace is not known; set --leader-election-namespace", "cause", err.Error())
		return nil
	}
	return checkpoint.NewKeeper(checkpoint.New(uncached{w.mgr.GetClient(), w.mgr.GetAPIReader()}, checkpointConfig(w.config, namespace, w.now, log)), restore, log)
}

func checkpointConfig(c *config.Config, namespace string, now func() time.Time, log logr.Logger) checkpoint.Config {
	holder, err := os.Hostname()
	if err != nil {
		holder = "unknown"
	}
	return checkpoint.Config{
		Namespace: namespace, Name: strings.TrimSuffix(c.LeaderElectionID, "-leader") + "-checkpoint",
		Scope: c.ClusterName + " " + c.VPC + " " + c.Region, Holder: holder, Now: now, Log: log,
	}
}

// uncached reads ConfigMaps from the API server.
type uncached struct {
	client.Client
	reader client.Reader
}

// Get implements checkpoint.Client.
func (u uncached) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return u.reader.Get(ctx, key, o, opts...)
}

// assumedFor is how old what AWS holds may be as an earlier process left it; older, it is read again at once.
const assumedFor = 24 * time.Hour

// deeps is what was kept of what AWS holds, unless it is too old.
func deeps(kept checkpoint.Kept, now time.Time) map[stack.Key]inventory.Deep {
	out := map[stack.Key]inventory.Deep{}
	if age := now.Sub(kept.At); age > assumedFor {
		return out
	}
	for id, text := range kept.Entries {
		var d inventory.Deep
		if key, err := stack.ParseKey(id.Name); err == nil && id.Kind == checkpoint.Observed && json.Unmarshal(text, &d) == nil {
			out[key] = d
		}
	}
	return out
}

// asValues are registered targets as values of checkpoints.
func asValues(registered map[string][]targets.Target) map[string]any {
	out := make(map[string]any, len(registered))
	for arn, ts := range registered {
		out[arn] = ts
	}
	return out
}

// registrations are the targets that were registered when the last process ended, if it ended well and not too long ago.
func registrations(kept checkpoint.Kept, now time.Time) map[string][]targets.Target {
	out := map[string][]targets.Target{}
	if !kept.Clean || now.Sub(kept.At) > assumedFor {
		return out
	}
	for id, text := range kept.Entries {
		var ts []targets.Target
		if id.Kind == checkpoint.Targets && json.Unmarshal(text, &ts) == nil {
			out[id.Name] = ts
		}
	}
	return out
}
