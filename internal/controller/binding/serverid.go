package binding

import (
	"context"
	"fmt"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/serverid"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// identified are the endpoints of a binding that can be registered: of QUIC those with a server id of their own, of other protocols all. The others are counted once, and reported on the binding
// and its Service without their names, so that a rolling update repeats no event.
func (b *Reconciler) identified(ctx context.Context, o *v1beta1.TargetGroupBinding, all []targets.Endpoint) ([]targets.Endpoint, diag.List) {
	if o.Spec.TargetGroupProtocol == nil || !targets.IsQUIC(string(*o.Spec.TargetGroupProtocol)) {
		return all, nil
	}
	wanted, missing, repeated := targets.WithServerIDs(ctx, kube.Cluster{Reader: b.Client}, all, b.QUICVariable)
	b.countUnidentified(o, append(missing, repeated...))
	var found diag.List
	note := func(text, remedy string) {
		for _, about := range b.about(ctx, o) {
			found = append(found, diag.New(about, "", diag.PodsUnidentified, text, remedy))
		}
	}
	if len(missing) > 0 {
		note(fmt.Sprintf("endpoints have no QUIC server id and are not registered: their pods have no annotation %s, or were created before it, before label %s=enabled of their namespace, or while no webhook answered", serverid.Annotation, serverid.NamespaceLabel),
			fmt.Sprintf("set the annotation in the pod template to the names of the containers that serve QUIC, label the namespace, and recreate the pods: kubectl rollout restart; the server has to put the id in %s into its connection ids", b.QUICVariable))
	}
	if len(repeated) > 0 {
		note("endpoints have the QUIC server id of another pod and are not registered: AWS admits an id once",
			fmt.Sprintf("remove the environment variable %s from the pod template, so that each pod gets an id of its own", b.QUICVariable))
	}
	return wanted, found
}

func (b *Reconciler) countUnidentified(o *v1beta1.TargetGroupBinding, left []targets.Endpoint) {
	k := b.memory.get(o)
	before := k.unidentified
	if len(left)+len(before) == 0 {
		return
	}
	k.unidentified = map[string]bool{}
	n := 0
	for _, e := range left {
		key := e.Pod + " " + e.Key()
		if !before[key] {
			n++
		}
		k.unidentified[key] = true
	}
	b.memory.put(o, k)
	if n > 0 {
		b.Metrics.CountUnidentified(o, n)
	}
}
