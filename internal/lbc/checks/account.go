package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

var accountChecks = []Check{{
	Name: "cluster-name-differs", Severity: doctor.Error,
	Needs: []doctor.Source{doctor.LoadBalancers, doctor.Objects}, Skip: withoutName,
	About: "TargetGroupBindings of this cluster refer to target groups whose tags contain another cluster name. With " +
		"the configured name, the controller does not recognize the existing load balancers. If all [LoadBalancer " +
		"objects](operations/observing.md#status-of-each-load-balancer) have the other name in status.cluster, the " +
		"controller changes nothing in AWS. Without LoadBalancer objects, the controller would create all load balancers " +
		"again.",
	Remedy: "set --cluster-name (chart value clusterName) to the name in the tags of the target groups",
	Find:   foreignBindings,
}, {
	Name: "cluster-name-shared", Severity: doctor.Error, Needs: []doctor.Source{doctor.LoadBalancers},
	Uses: []doctor.Source{doctor.TargetHealth, doctor.Objects,
		doctor.Workloads, doctor.Nodes}, Skip: withoutName,
	About: "Another cluster of the account has the same name, and the controllers may delete each other's resources. " +
		"There are two signs. A load balancer or target group in another VPC has this cluster's tag. Or a target group " +
		"that belongs to no object of this cluster has healthy targets that are neither pods nor nodes of this cluster.",
	Remedy: "give another --cluster-name to the cluster that has no load balancers yet (the name may differ from the " +
		"cluster's name in EKS); if both clusters have load balancers, follow the steps for shared-cluster-name in " +
		"docs/troubleshooting.md",
	Find: func(f *Facts) []doctor.Finding { return append(sharedName(f), servedElsewhere(f)...) },
}, {
	Name: "orphaned", Severity: doctor.Warning,
	Needs: []doctor.Source{doctor.LoadBalancers, doctor.Network, doctor.Objects}, Skip: withoutName,
	About: "A load balancer, target group or security group has the cluster's tags, but no object claims the resource. " +
		"No object has the name that the tags show, and no finalizer, group or status of an object refers to the resource. " +
		"Usually, somebody deleted the object while no controller ran. Load balancers cost money even if no object claims " +
		"them. TargetGroupBindings that the controller created for the deleted object are part of the finding " +
		"([orphans](tasks/orphans.md)).",
	Remedy: doctor.OrphanRemedy,
	Find:   orphans,
}}

func withoutName(f *Facts) string {
	if f.Settings.Cluster == "" {
		return "the name of the cluster is not known: set --cluster-name"
	}
	return ""
}

func foreignBindings(f *Facts) (out []doctor.Finding) {
	of := map[string][]string{}
	for _, b := range f.Bindings() {
		for _, g := range f.TargetGroups {
			if g.ARN == b.Spec.TargetGroupARN && g.Cluster != "" && g.Cluster != f.Settings.Cluster {
				of[g.Cluster] = append(of[g.Cluster], doctor.NameOf(b))
			}
		}
	}
	for _, cluster := range slices.Sorted(maps.Keys(of)) {
		out = append(out, doctor.Finding{
			Object: "cluster name " + f.Settings.Cluster, Text: fmt.Sprintf("%s for target groups of cluster %s",
				doctor.Count(len(of[cluster]), "TargetGroupBinding"), cluster), Evidence: doctor.Evidence("", of[cluster]),
		})
	}
	return out
}

func sharedName(f *Facts) (out []doctor.Finding) {
	in := map[string][]string{}
	for _, lb := range f.LoadBalancers {
		in[lb.VPC] = append(in[lb.VPC], lb.Name)
	}
	for _, g := range f.TargetGroups {
		if g.Ours {
			in[g.VPC] = append(in[g.VPC], g.Name)
		}
	}
	for _, vpc := range slices.Sorted(maps.Keys(in)) {
		if vpc != "" && vpc != f.Settings.VPC {
			out = append(out, doctor.Finding{Object: vpc, Text: fmt.Sprintf("%s of this other VPC with the tag of cluster %s",
				doctor.Count(len(in[vpc]), "resource"), f.Settings.Cluster), Evidence: doctor.Evidence("", in[vpc])})
		}
	}
	return out
}

// servedElsewhere are the stacks of the VPC that no object claims and whose healthy targets are not of this cluster.
func servedElsewhere(f *Facts) (out []doctor.Finding) {
	for _, s := range []doctor.Source{doctor.TargetHealth, doctor.Objects, doctor.Workloads, doctor.Nodes} {
		if _, unread := f.Unread[s]; unread {
			return nil
		}
	}
	claims, of := Claims(f), map[stack.Key][]string{}
	for _, g := range f.TargetGroups {
		if !g.Ours || g.VPC != f.Settings.VPC || f.Declared[g.Key] ||
			claims.By(orphan.Holding{Key: g.Key, Resources: []orphan.Resource{{Kind: stack.KindTargetGroup, ID: g.ARN}}}) != "" {
			continue
		}
		targets := make([]namesake.Target, 0, len(g.Targets))
		for _, t := range g.Targets {
			targets = append(targets, namesake.Target{ID: t.ID, Healthy: t.State == "healthy", Local: runs(f, t.ID)})
		}
		for _, id := range namesake.Serving(targets) {
			of[g.Key] = append(of[g.Key], "target "+id+" of "+g.Name+" is healthy")
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(of), stack.Key.Compare) {
		out = append(out, doctor.Finding{Object: key.String(),
			Text: "no object of this cluster claims it, and it has healthy " +
				"targets that are neither pods nor nodes of this cluster", Evidence: of[key],
			Remedy: "if they belong to another cluster, give one of the clusters another --cluster-name; if they were pods a " +
				"moment ago, run this again"})
	}
	return out
}

// runs reports whether an address or instance is of a pod or node of the cluster.
func runs(f *Facts, id string) bool {
	for i := range f.Nodes {
		n := &f.Nodes[i]
		if strings.HasSuffix(n.Spec.ProviderID, "/"+id) || slices.ContainsFunc(n.Status.Addresses,
			func(a corev1.NodeAddress) bool { return a.Address == id }) {
			return true
		}
	}
	for i := range f.Slices {
		for _, e := range f.Slices[i].Endpoints {
			if slices.Contains(e.Addresses, id) {
				return true
			}
		}
	}
	return slices.ContainsFunc(f.Pods, func(p corev1.Pod) bool {
		return slices.ContainsFunc(p.Status.PodIPs, func(a corev1.PodIP) bool { return a.IP == id }) || p.Status.PodIP == id
	})
}

// Claims returns what the objects of the cluster claim. A kind that was not read leaves its stacks unclear.
func Claims(f *Facts) *orphan.Claims {
	return orphan.ClaimsOf(objects.New(partial{f.Objects, f.Unserved}))
}

// partial are the objects of a cluster that does not serve all kinds.
type partial struct {
	objects.Snapshot
	unserved []objects.Kind
}

// Serves implements objects.ServedReader.
func (p partial) Serves(kind objects.Kind) bool { return !slices.Contains(p.unserved, kind) }

func orphans(f *Facts) (out []doctor.Finding) {
	at, held := map[stack.Key]int{}, []orphan.Holding(nil)
	add := func(key stack.Key, vpc string, r orphan.Resource) {
		if f.Declared[key] || vpc != "" && vpc != f.Settings.VPC {
			return
		}
		if _, known := at[key]; !known {
			at[key] = len(held)
			held = append(held, orphan.Holding{Key: key})
		}
		held[at[key]].Resources = append(held[at[key]].Resources, r)
	}
	for _, lb := range f.LoadBalancers {
		add(lb.Key, lb.VPC, orphan.Resource{Kind: stack.KindLoadBalancer, ID: lb.ARN, Name: lb.Name, Hostname: lb.Hostname,
			Retained: lb.Retained})
	}
	for _, g := range f.TargetGroups {
		if g.Ours {
			add(g.Key, g.VPC, orphan.Resource{Kind: stack.KindTargetGroup, ID: g.ARN, Name: g.Name})
		}
	}
	for _, g := range f.Groups {
		add(g.Key, "", orphan.Resource{Kind: stack.KindSecurityGroup, ID: g.ID})
	}
	found, unclear := orphan.Find(held, Claims(f))
	for _, o := range found {
		if f.Declared[o.Key] {
			continue
		}
		out = append(out, doctor.Orphaned(o))
	}
	for _, u := range unclear {
		x := doctor.Finding{Object: u.Key.String(), Severity: doctor.Note,
			Text: "it has resources in AWS, and the controller cannot tell whether an object claims them: " + u.Why}
		if u.Retained {
			x.Text, x.Remedy = u.Why, "nothing to do; if you create its object again, the object adopts it"
		}
		out = append(out, x)
	}
	return out
}
