package controller

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/degraded"
	"github.com/k8s-lbc/lbc/internal/targets"
	"github.com/k8s-lbc/lbc/internal/twin"
)

const (
	// fencedDelay is how long a process may go on beside one that has begun later, as while a Deployment is rolled out without leader election.
	fencedDelay = time.Minute
	// twinReview is the pause between looks whether a second controller is still there. They read nothing.
	twinReview = 30 * time.Second
)

// setUpTwins sets up what finds another cluster of the same name, and a second controller in this one.
func (w *wiring) setUpTwins() {
	namespace, _ := ownNamespace(w.config.LeaderElectionNamespace) // not known outside of a cluster: then its name is enough
	condition := func(reason degraded.Reason, remedy string) func(string) {
		return func(text string) {
			if text == "" {
				w.start.conditions.Heal(reason)
				return
			}
			w.start.conditions.Set(degraded.Condition{Reason: reason, Text: text, Remedy: remedy})
		}
	}
	w.shared = &twin.Shared{OnChange: condition(degraded.SharedClusterName, degraded.NameClusters)}
	w.writers = &twin.Writers{
		Own:      twin.Election{Enabled: w.config.LeaderElection, Namespace: namespace, Name: w.config.LeaderElectionID}.String(),
		OnChange: condition(degraded.SecondController, degraded.KeepOneController),
	}
	w.starts(twinWatch{writers: w.writers, fencedAt: &w.fencedAt, now: w.now})
}

// fenced takes note that another process has begun to write the checkpoints of this one.
func (w *wiring) fenced() { now := w.now(); w.fencedAt.Store(&now) }

// twinWatch ends conditions that hold no longer, and reports a process that goes on long after another one has taken its place.
type twinWatch struct {
	writers  *twin.Writers
	fencedAt *atomic.Pointer[time.Time]
	now      func() time.Time
}

// Start reviews until ctx ends. It implements manager.Runnable and runs on the leader only: one that lost its lease ends.
func (t twinWatch) Start(ctx context.Context) error {
	queue.Every(ctx, twinReview, nil, t.review)
	return nil
}

func (t twinWatch) review(context.Context) {
	now := t.now()
	if at := t.fencedAt.Load(); at != nil && now.Sub(*at) >= fencedDelay {
		t.writers.Fenced(now)
	}
	t.writers.Review(now)
}

// compared takes what a check of a target group found.
func (w *wiring) compared(of targets.Group, deregistered []string, others []targets.Health) {
	switch {
	case w.config.WatchNamespace != "": // the pods of other namespaces are not seen
	case len(others) == 0:
		w.shared.Gone(of.ARN)
	case len(deregistered) > 0 && of.Scope == w.scopes.Own():
		ctx, cancel := context.WithTimeout(context.Background(), syncWait)
		defer cancel()
		added := make([]twin.Target, 0, len(others))
		for _, h := range others {
			x, err := w.target(ctx, h.ID, h.State)
			if err != nil {
				return // the next check decides
			}
			added = append(added, x)
		}
		if evidence := twin.Contested(deregistered, added); evidence != "" {
			w.shared.Found(of.ARN, evidence)
		}
	}
}

// targetsOf are the targets of a target group.
func (w *wiring) targetsOf(ctx context.Context, arn string) (out []twin.Target, err error) {
	read, err := w.clients.ELBV2.DescribeTargetHealth(cloud.WithCause(ctx, cloud.Listing), &elbv2.DescribeTargetHealthInput{TargetGroupArn: &arn})
	if err != nil {
		return nil, fmt.Errorf("describing targets of %s: %w", arn, err)
	}
	for _, d := range read.TargetHealthDescriptions {
		if d.Target == nil || d.TargetHealth == nil {
			continue
		}
		x, err := w.target(ctx, aws.ToString(d.Target.Id), string(d.TargetHealth.State))
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// target is a target as package twin judges it. Where the target is from is asked only of one that is healthy.
func (w *wiring) target(ctx context.Context, id, state string) (t twin.Target, err error) {
	t = twin.Target{ID: id, Healthy: state == string(types.TargetHealthStateEnumHealthy)}
	if t.Healthy {
		t.Local, err = w.local(ctx, id)
	}
	return t, err
}

// local reports whether an address or instance is of a pod or node of this cluster. Pods that no Service selects are read from the API server, of which the caches have those of
// some namespaces only.
func (w *wiring) local(ctx context.Context, id string) (bool, error) {
	var nodes corev1.NodeList
	if err := w.mgr.GetClient().List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("listing nodes: %w", err)
	}
	for i := range nodes.Items {
		n := &nodes.Items[i]
		if strings.HasSuffix(n.Spec.ProviderID, "/"+id) {
			return true, nil
		}
		for _, a := range n.Status.Addresses {
			if a.Address == id {
				return true, nil
			}
		}
	}
	if _, err := netip.ParseAddr(id); err != nil {
		return false, nil //nolint:nilerr // it is the id of an instance, of another cluster
	}
	var slices discoveryv1.EndpointSliceList
	if err := w.mgr.GetClient().List(ctx, &slices, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("listing EndpointSlices: %w", err)
	}
	for i := range slices.Items {
		for _, e := range slices.Items[i].Endpoints {
			for _, a := range e.Addresses {
				if a == id {
					return true, nil
				}
			}
		}
	}
	var pods corev1.PodList
	if err := w.mgr.GetAPIReader().List(ctx, &pods, client.MatchingFields{"status.podIP": id}); err != nil {
		return false, fmt.Errorf("listing the pods with address %s: %w", id, err)
	}
	return len(pods.Items) > 0, nil
}
