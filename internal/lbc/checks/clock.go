package checks

import (
	"fmt"
	"time"

	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

var clockChecks = []Check{{
	Name: "clock-skew", Severity: doctor.Warning, Needs: []doctor.Source{doctor.APIServer},
	Uses: []doctor.Source{doctor.Account},
	About: "Two of these clocks differ by a minute or more: the clocks of AWS, the API server and the machine that runs " +
		"lbc doctor. The severity is error if the difference is five minutes or more. AWS refuses requests from a machine " +
		"whose clock is wrong by five minutes or more. Certificates can seem to be expired or not valid yet.",
	Remedy: synchronise,
	Find:   differingClocks,
}, {
	Name: "node-clock-skew", Severity: doctor.Warning, Needs: []doctor.Source{doctor.Heartbeats},
	About: "According to the Lease that a node's kubelet renews, the clock of the node differs from the API server's " +
		"clock by a minute or more. The severity is error if the difference is five minutes or more, because AWS then " +
		"refuses requests of a controller on this node. If the leader runs on this node, the leader's Lease seems to " +
		"expire too early or never.",
	Remedy: synchronise,
	Find:   nodeClocks,
}}

const synchronise = "find out which clock is wrong, and synchronize this clock (on EC2: with chrony and the time " +
	"server 169.254.169.123)"

// notableSkew is how far apart clocks are that are worth a warning. Delays of a request are shorter.
const notableSkew = time.Minute

// refusedSkew is how far off a signature may be for AWS.
const refusedSkew = 5 * time.Minute

func differingClocks(f *Facts) (out []doctor.Finding) {
	all := append([]Clock{{Of: "this machine"}}, f.Clocks...)
	for i, a := range all {
		for _, b := range all[:i] {
			apart := (a.Ahead - b.Ahead).Abs()
			if apart < notableSkew {
				continue
			}
			first, last := a.Of, b.Of
			if a.Ahead < b.Ahead {
				first, last = last, first
			}
			out = append(out, doctor.Finding{Severity: skewed(apart), Object: "clock of " + a.Of,
				Text: fmt.Sprintf("the clock of %s is %s ahead of the clock of %s", first, doctor.Age(apart), last)})
		}
	}
	return out
}

func skewed(apart time.Duration) doctor.Severity {
	if apart >= refusedSkew {
		return doctor.Error
	}
	return doctor.Warning
}

func nodeClocks(f *Facts) (out []doctor.Finding) {
	for _, h := range f.Heartbeats {
		var ahead time.Duration
		switch {
		case !h.Written.IsZero():
			ahead = h.Renewed.Sub(h.Written)
		case h.Renewed.After(f.Now): // one in the past may be that of a node that has stopped
			ahead = h.Renewed.Sub(f.Now)
		}
		if apart := ahead.Abs(); apart >= notableSkew {
			direction := "ahead of"
			if ahead < 0 {
				direction = "behind"
			}
			out = append(out, doctor.Finding{Severity: skewed(apart), Object: "Node " + h.Node,
				Text: fmt.Sprintf("its clock is %s %s the clock of the API server", doctor.Age(apart), direction)})
		}
	}
	return out
}
