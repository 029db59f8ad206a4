package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

var networkChecks = []Check{{
	Name: "vpc-missing", Severity: doctor.Error, Needs: []doctor.Source{doctor.Network},
	About:  "The account has no VPC with the id of --aws-vpc-id in the region.",
	Remedy: "correct --aws-vpc-id and --aws-region, or use credentials of the VPC's account",
	Find: func(f *Facts) []doctor.Finding {
		if f.VPCExists {
			return nil
		}
		return []doctor.Finding{{Object: f.Settings.VPC, Text: "account " + f.Settings.Account + " has no such VPC in " +
			f.Settings.Region}}
	},
}, {
	Name: "vpc-differs", Severity: doctor.Error, Needs: []doctor.Source{doctor.Instances},
	About: "Nodes run in a VPC that is not the VPC of the controller: the controller's load balancers do not reach " +
		"these nodes.",
	Remedy: "set --aws-vpc-id (chart value vpcId) to the VPC of the nodes",
	Find:   nodesElsewhere,
}, {
	Name: "subnets-unusable", Severity: doctor.Warning, Needs: []doctor.Source{doctor.Network}, Skip: withoutVPC,
	About: "The controller finds no subnets for a kind of load balancer, such as internal Network Load Balancers. The " +
		"evidence lists each subnet, and the reason why the controller cannot use the subnet. For internet-facing load " +
		"balancers, the severity is note if the VPC has no public subnets.",
	Remedy: "tag subnets of two zones with " + naming.RoleELBTag + ": 1 (internet-facing) or " +
		naming.RoleInternalELBTag + ": 1 (internal), or name subnets in annotations",
	Find: unusableSubnets,
}, {
	Name: "subnet-addresses", Severity: doctor.Warning, Needs: []doctor.Source{doctor.Network}, Skip: withoutVPC,
	About: "A subnet that is tagged for load balancers has fewer than eight free addresses. AWS refuses to create a " +
		"load balancer in the subnet, and cannot scale up existing load balancers in the subnet.",
	Remedy: "free addresses in this subnet; or instead of this subnet, tag a larger subnet in the same zone",
	Find:   fullSubnets,
}, {
	Name: "security-group-ambiguous", Severity: doctor.Warning, Needs: []doctor.Source{doctor.Instances, doctor.Network},
	Uses: []doctor.Source{
		doctor.SecurityGroups},
	About: "The network interface of a node has several security groups, and either none or more than one of these " +
		"security groups has the cluster's tag. The finding names the security group to which the controller adds the " +
		"rules for targets. The controller chooses a security group that already has such rules, or otherwise the first " +
		"security group with the tag. TargetGroupBindings have an event `SecurityGroupUnclear`. The severity is error if " +
		"the controller chooses no security group, because traffic then does not reach the node.",
	Remedy: "keep the tag " + naming.SubnetClusterTagPrefix +
		"CLUSTER on exactly one of the groups, or name a group by --node-security-group; if several groups have the tag, " +
		"you can also select one of these groups by --service-target-eni-security-group-tags",
	Find: ambiguousGroups,
}}

func withoutVPC(f *Facts) string {
	if !f.VPCExists {
		return "the VPC does not exist"
	}
	return ""
}

func nodesElsewhere(f *Facts) (out []doctor.Finding) {
	in := map[string][]string{}
	for _, i := range f.Instances {
		if i.VPC != "" && i.VPC != f.Settings.VPC {
			in[i.VPC] = append(in[i.VPC], i.Node)
		}
	}
	for _, vpc := range slices.Sorted(maps.Keys(in)) {
		out = append(out, doctor.Finding{Object: vpc, Text: fmt.Sprintf("%s in this VPC, and the controller uses %s",
			doctor.Count(len(in[vpc]), "node"), f.Settings.VPC), Evidence: doctor.Evidence("", in[vpc])})
	}
	return out
}

func unusableSubnets(f *Facts) (out []doctor.Finding) {
	public := false
	for _, s := range f.AWS.Subnets {
		public = public || s.Public
	}
	for _, scheme := range []string{stack.Internal, stack.InternetFacing} {
		for _, of := range []stack.LoadBalancerType{stack.Application, stack.Network} {
			c := facts.ChooseSubnets(f.AWS, facts.SubnetQuery{
				Type: of, Scheme: scheme, Cluster: f.Settings.Cluster, VPC: f.Settings.VPC,
				CheckClusterTag: f.Settings.Subnets.CheckClusterTag,
				ByReachability:  f.Settings.Subnets.ByReachability, SingleSubnet: f.Settings.Subnets.SingleSubnet,
			})
			if c.Problem == nil {
				continue
			}
			x := doctor.Finding{Object: scheme + " " + string(of) + " load balancers", Text: "no subnets are found for them",
				Evidence: []string{c.Problem.Text}, Remedy: c.Problem.Remedy}
			if scheme == stack.InternetFacing && !public {
				x.Severity = doctor.Note
			}
			out = append(out, x)
		}
	}
	return out
}

// minimumFree is how many free addresses AWS requires of a subnet.
const minimumFree = 8

func fullSubnets(f *Facts) (out []doctor.Finding) {
	for _, id := range slices.Sorted(maps.Keys(f.AWS.Subnets)) {
		s := f.AWS.Subnets[id]
		_, elb := s.Tags[naming.RoleELBTag]
		_, internal := s.Tags[naming.RoleInternalELBTag]
		if (elb || internal) && s.AvailableIPs < minimumFree {
			out = append(out, doctor.Finding{Object: id,
				Text: fmt.Sprintf("has %d free addresses of at least %d", s.AvailableIPs,
					minimumFree), Evidence: []string{s.Zone + ", " + s.CIDR}})
		}
	}
	return out
}

func ambiguousGroups(f *Facts) (out []doctor.Finding) {
	for _, i := range f.Instances {
		if i.Groups != "" {
			text, _, _ := strings.Cut(i.Groups, "; ")
			x := doctor.Finding{Object: "Node " + i.Node, Text: text}
			if i.Extended == "" {
				x.Severity = doctor.Error
			}
			out = append(out, x)
		}
	}
	return out
}
