package sgsync

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ClusterLabel and the name of a cluster are the description of rules with a range as their source, in groups that
// several clusters use. Label does not say whose such a rule is, and the existing controller of another cluster revokes
// what has it and is not its own; it leaves every other description alone.
const ClusterLabel = "elbv2.k8s.aws/cluster="

// marks says which rules of one group are a cluster's, by their descriptions.
type marks struct {
	cluster string
	several bool // other clusters use the group, too
}

// own gives the rules that name the cluster the description Label, by which all else knows what is its own.
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

// undecided reports whether one of the rules with Label may be another cluster's: it stands in a group of several
// clusters, its source is no security group whose tags tell, and it does not name the cluster. as is how the rules of
// the group are described.
func (m marks) undecided(rule stack.Permission, as map[identity]string) bool {
	return m.several && rule.Group.Literal == "" && as[identityOf(rule)] != ClusterLabel+m.cluster
}

// sign describes what is to be granted.
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

// descriptions are those of rules by their identity.
func descriptions(rules []stack.Permission) map[identity]string {
	out := make(map[identity]string, len(rules))
	for _, p := range rules {
		out[identityOf(p)] = p.Description
	}
	return out
}
