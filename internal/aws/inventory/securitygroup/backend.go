package securitygroup

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Backend is the backend security group of the cluster, which belongs to no stack, as far as it is known. It reads
// nothing.
func (g *Groups) Backend() []awsop.SecurityGroup {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.derive()
	return g.backend
}

// OpenBackend are the groups that have the tags and the name of the backend security group, and rules that admit
// clients: they are not used. It reads nothing.
func (g *Groups) OpenBackend() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.openNow()
}

// BackendName is the name for a new backend security group: the first of its names that no known group of the VPC has.
func (g *Groups) BackendName() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	base := naming.BackendSecurityGroup(g.cfg.Cluster)
	for n := 1; ; n++ {
		name, taken := naming.NthSecurityGroup(base, n), false
		for _, id := range g.openNow() {
			taken = taken || g.byID[id].Name == name
		}
		if !taken {
			return name
		}
	}
}

// openNow is OpenBackend while the lock is held.
func (g *Groups) openNow() []string {
	g.derive()
	return g.open
}

// admits reports whether rules of the group admit anything but the group itself.
func (x *group) admits() bool {
	return slices.ContainsFunc(x.Ingress, func(p stack.Permission) bool { return p.Group.Literal != x.GroupID })
}

// derive makes what follows from byID, if that has changed. The lock is held.
func (g *Groups) derive() {
	if g.view != nil {
		return
	}
	g.view, g.backend, g.open = map[string]facts.SecurityGroup{}, nil, nil
	for id, x := range g.byID {
		if x.vpc != g.cfg.VPC {
			continue
		}
		g.view[id] = x.facts()
		if !x.Shared && !naming.IsBackendGroup(g.cfg.Cluster, x.Name, x.Description, x.Tags) {
			continue
		}
		if x.admits() { // on every load balancer, its rules would open all of them
			g.open = append(g.open, id)
		} else {
			own := x.SecurityGroup
			own.ID, own.Shared = stack.BackendSecurityGroup, true
			g.backend = append(g.backend, own)
		}
	}
	slices.Sort(g.open)
	sorting.By(g.backend, func(a, b awsop.SecurityGroup) int { return strings.Compare(a.GroupID, b.GroupID) })
}
