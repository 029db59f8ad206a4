package sgsync

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ClusterLabel and the name of a cluster are the description of rules with an address range as their source, in
// groups that several clusters use. Label does not name the cluster, and the existing controller of another cluster
// revokes rules with Label that it does not need. It ignores rules with any other description.
const ClusterLabel = "elbv2.k8s.aws/cluster="

// marks tells by descriptions which rules of one group belong to a cluster.
type marks struct {
	cluster string
	several bool // other clusters use the group, too
}

// own gives the description Label to the rules that name the cluster. All other code recognizes own rules by Label.
func (m marks) own(rules []stack.Permission) []stack.Permission {
	out := rules
	for n, p := range rules {
		if p.Description != ClusterLabel+m.cluster {
			continue
		}
		if &out[0] == &rules[0] {
			out = slices.Clone(rules) // which is the inventory's
		}
		out[n].Description = Label
	}
	return out
}

// undecided reports whether a rule with Label may be another cluster's: its group belongs to several clusters, its
// source is not a security group with tags, and its description does not name the cluster. as has the descriptions
// of the group's rules.
func (m marks) undecided(rule stack.Permission, as map[identity]string) bool {
	return m.several && rule.Group.Literal == "" && as[identityOf(rule)] != ClusterLabel+m.cluster
}

// sign sets the description of rules to grant.
func (m marks) sign(grant []stack.Permission) {
	if !m.several {
		return
	}
	for n := range grant {
		if grant[n].Group.Literal == "" {
			grant[n].Description = ClusterLabel + m.cluster
		}
	}
}

// descriptions returns the descriptions of rules by their identity.
func descriptions(rules []stack.Permission) map[identity]string {
	out := make(map[identity]string, len(rules))
	for _, p := range rules {
		out[identityOf(p)] = p.Description
	}
	return out
}
