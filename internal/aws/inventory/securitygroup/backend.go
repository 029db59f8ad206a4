package securitygroup

import (
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Backend returns the backend security group of the cluster, which belongs to no stack, as far as it is known. It reads
// nothing.
func (g *Groups) Backend() []awsop.SecurityGroup {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, backend := g.backends()
	return backend
}

// OpenBackend returns the groups that have the tags and the name of the backend security group, and rules that admit
// clients: they are not used. It reads nothing.
func (g *Groups) OpenBackend() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	open, _ := g.backends()
	return open
}

// BackendName returns the name for a new backend security group: the first of its names that no known group of the VPC
// has.
func (g *Groups) BackendName() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	base := naming.BackendSecurityGroup(g.cfg.Cluster)
	open, _ := g.backends()
	for n := 1; ; n++ {
		name, taken := naming.NthSecurityGroup(base, n), false
		for _, id := range open {
			taken = taken || g.byID[id].Name == name
		}
		if !taken {
			return name
		}
	}
}

// admits reports whether rules of the group admit anything but the group itself.
func (x *group) admits() bool {
	return slices.ContainsFunc(x.Ingress, func(p stack.Permission) bool { return p.Group.Literal != x.GroupID })
}

// backends are the backend security groups, and the ids of those that have rules which admit clients. The lock is held.
func (g *Groups) backends() (open []string, backend []awsop.SecurityGroup) {
	for _, id := range slices.SortedFunc(maps.Keys(g.ofBackend), strings.Compare) {
		x := g.byID[id]
		if x.admits() { // on every load balancer, its rules would open all of them
			open = append(open, id)
			continue
		}
		own := x.SecurityGroup
		own.ID, own.Shared = stack.BackendSecurityGroup, true
		backend = append(backend, own)
	}
	return open, backend
}

// keep enters what is known of a group; nil = nothing. The lock is held. A change of rules costs no new view, as passes
// ask for one.
func (g *Groups) keep(id string, x *group) {
	was := g.byID[id]
	if was == nil || x == nil || was.vpc != x.vpc || was.Name != x.Name || !maps.Equal(was.Tags, x.Tags) {
		g.view = nil
	}
	delete(g.ofBackend, id)
	delete(g.ofCluster, id)
	if x == nil {
		delete(g.byID, id)
		return
	}
	g.byID[id] = x
	if x.vpc != g.cfg.VPC {
		return
	}
	if x.Shared || naming.IsBackendGroup(g.cfg.Cluster, x.Name, x.Description, x.Tags) {
		g.ofBackend[id] = true
	}
	if g.clusterTagged(x.Tags) {
		g.ofCluster[id] = true
	}
}
