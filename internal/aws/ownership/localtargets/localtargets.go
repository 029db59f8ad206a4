// Package localtargets reads the targets of target groups, and finds out whether healthy ones are pods or nodes of this
// cluster. It concludes and writes nothing: package namesake concludes whether another cluster's controller manages the
// target groups.
package localtargets

import (
	"context"
	"fmt"
	"net/netip"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
)

// Cluster is the cluster whose pods and nodes count as local. The zero value is a cluster that no longer exists.
type Cluster struct {
	// Objects reads nodes and EndpointSlices, from a cache or from the API server; nil = there are none.
	Objects client.Reader
	// Pods reads the pods with an address that no node or EndpointSlice has. It must support the field selector
	// status.podIP, as the API server does.
	Pods client.Reader
}

// Own are the addresses and instances that belonged to the cluster when Cluster.Own read them.
type Own struct {
	known map[string]bool
	pods  client.Reader // nil = no others belong to the cluster
}

// Own reads nodes and EndpointSlices.
func (c Cluster) Own(ctx context.Context) (*Own, error) {
	o := &Own{known: map[string]bool{}, pods: c.Pods}
	if c.Objects == nil {
		return o, nil
	}
	var nodes corev1.NodeList
	if err := c.Objects.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	for i := range nodes.Items {
		n := &nodes.Items[i]
		o.known[path.Base(n.Spec.ProviderID)] = true
		for _, a := range n.Status.Addresses {
			o.known[a.Address] = true
		}
	}
	var slices discoveryv1.EndpointSliceList
	if err := c.Objects.List(ctx, &slices, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing EndpointSlices: %w", err)
	}
	for i := range slices.Items {
		for _, e := range slices.Items[i].Endpoints {
			for _, a := range e.Addresses {
				o.known[a] = true
			}
		}
	}
	return o, nil
}

// has reports whether an address or instance belongs to the cluster. It reads pods that no Service selects.
func (o *Own) has(ctx context.Context, id string) (bool, error) {
	if o.known[id] || o.pods == nil {
		return o.known[id], nil
	}
	if _, err := netip.ParseAddr(id); err != nil {
		return false, nil //nolint:nilerr // it is the id of an instance of another cluster
	}
	var pods corev1.PodList
	if err := o.pods.List(ctx, &pods, client.MatchingFields{"status.podIP": id}); err != nil {
		return false, fmt.Errorf("listing the pods with address %s: %w", id, err)
	}
	o.known[id] = len(pods.Items) > 0
	return o.known[id], nil
}

// Target returns a target with its state in AWS. It finds out whether the target is local only if the target is
// healthy.
func (o *Own) Target(ctx context.Context, id, state string) (t namesake.Target, err error) {
	t = namesake.Target{ID: id, Healthy: state == string(types.TargetHealthStateEnumHealthy)}
	if t.Healthy {
		t.Local, err = o.has(ctx, id)
	}
	return t, err
}

// Targets reads the targets of a target group.
func (o *Own) Targets(ctx context.Context, balancing awsclient.ELBV2, arn string) (out []namesake.Target, err error) {
	read, err := balancing.DescribeTargetHealth(awsclient.WithCause(ctx, awsclient.Listing),
		&elbv2.DescribeTargetHealthInput{TargetGroupArn: &arn})
	if err != nil {
		return nil, fmt.Errorf("describing targets of %s: %w", arn, err)
	}
	for _, d := range read.TargetHealthDescriptions {
		if d.Target == nil || d.TargetHealth == nil {
			continue
		}
		x, err := o.Target(ctx, aws.ToString(d.Target.Id), string(d.TargetHealth.State))
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}
