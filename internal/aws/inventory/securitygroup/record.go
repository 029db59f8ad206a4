package securitygroup

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Record takes over what a successful operation did; resolve gives the id behind a reference. Operations on anything
// but security groups have no effect.
func (g *Groups) Record(op plan.Operation, out awsop.Output, resolve func(stack.Ref) string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	wrote := g.history.Next()
	effect := op.About().Effect
	if effect.Kind != stack.KindSecurityGroup {
		return
	}
	id := resolve(effect.Resource)
	if effect.Verb == plan.Deletes {
		g.keep(id, nil)
		g.rules.Forget(id)
		g.rules.Drop(id)
		g.gone[id] = wrote
		return
	}
	x := group{vpc: g.cfg.VPC, wrote: wrote}
	var before awsop.Observed
	if was := g.byID[id]; was != nil {
		x.vpc, before.SecurityGroups = was.vpc, []awsop.SecurityGroup{was.SecurityGroup}
	}
	after := awsop.Advance(before, op, out, resolve).SecurityGroups
	if len(after) == 0 { // nothing is known of it
		return
	}
	x.SecurityGroup = after[0]
	if effect.Verb == plan.Creates {
		g.store(&x)
		return
	}
	g.keep(id, &x)
	g.rules.Change(id, &x)
}

// OfAnotherCluster reports whether the controller of another cluster made a group, be it a moment ago. A group that
// cannot be read counts as such: no rule is taken away because AWS did not answer.
func (g *Groups) OfAnotherCluster(ctx context.Context, id string) bool {
	if tags, known := g.tags(id); known && g.foreignTo(tags) {
		_ = g.atHand(ctx) // so that it is noticed some time if this is no longer true
		return true
	}
	if err := g.young(ctx); err != nil {
		return true
	}
	tags, err := g.readTags(ctx, id)
	if err != nil {
		return awsclient.Classify(err).Class != diag.NotFound
	}
	return g.foreignTo(tags)
}

// foreignTo reports whether tags say that another cluster made a resource.
func (g *Groups) foreignTo(tags map[string]string) bool {
	owner := tags[naming.ClusterTag]
	return owner != "" && owner != g.cfg.Cluster
}

// OfSeveralClusters reports whether the tags of a group name another cluster: kubernetes.io/cluster/NAME, as on the
// security groups of nodes. A group that cannot be read counts as such.
func (g *Groups) OfSeveralClusters(ctx context.Context, id string) bool {
	tags, err := g.readTags(ctx, id)
	if err != nil {
		return awsclient.Classify(err).Class != diag.NotFound
	}
	for k := range tags {
		if name, ok := strings.CutPrefix(k, naming.SubnetClusterTagPrefix); ok && name != g.cfg.Cluster {
			return true
		}
	}
	return false
}

// OfBalancers reports whether the controller is known to have made a group for load balancers of the cluster.
func (g *Groups) OfBalancers(id string) bool {
	tags, known := g.tags(id)
	return known && tags[naming.ClusterTag] == g.cfg.Cluster
}

// readTags are the tags of a group. One of another VPC, or younger than the list, is read.
func (g *Groups) readTags(ctx context.Context, id string) (map[string]string, error) {
	if tags, known := g.tags(id); known {
		return tags, nil
	}
	if _, err := g.Rules(ctx, id); err != nil {
		return nil, err
	}
	tags, _ := g.tags(id)
	return tags, nil
}

func (g *Groups) tags(id string) (tags map[string]string, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	x := g.byID[id]
	if x == nil {
		return nil, false
	}
	return x.Tags, true
}

// OfCluster lists the groups of the VPC that carry the cluster's tag, sorted.
func (g *Groups) OfCluster(ctx context.Context) ([]string, error) {
	if err := g.young(ctx); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.ofCluster)), nil
}

// HasClusterTag reports whether a group carries the cluster's tag, or is gone.
func (g *Groups) HasClusterTag(ctx context.Context, id string) (bool, error) {
	tags, err := g.readTags(ctx, id)
	if err != nil && awsclient.Classify(err).Class == diag.NotFound {
		return true, nil
	}
	return g.clusterTagged(tags), err
}

func (g *Groups) clusterTagged(tags map[string]string) bool {
	v := tags[naming.SubnetClusterTagPrefix+g.cfg.Cluster]
	return v == "owned" || v == "shared"
}
