package doctor

import (
	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// conditionChecks are checks of lbc doctor whose problem the leader observes as a condition of its own.
var conditionChecks = []struct {
	reason   impairment.Reason
	check    string
	severity Severity
}{
	{impairment.Definitions, "crd-missing", Error},
	{impairment.DefinitionsOutdated, "crd-outdated", Warning},
	{impairment.Rights, "rbac-denied", Error},
	{impairment.SharedClusterName, "cluster-name-shared", Error},
	{impairment.SecondController, "controller-duplicate", Error},
}

// OrphanRemedy is the remedy of resources that no object claims.
const OrphanRemedy = "lbc orphans prints the commands that delete or keep it; wait a minute if you have just deleted " +
	"an object, because its deletion may not be finished"

// observed are the checks for which the leader has other facts than lbc doctor, which has a check of each name.
func observed() []Check {
	out := []Check{{Name: "orphaned", Severity: Warning, Remedy: OrphanRemedy, Find: func(f *Facts) (out []Finding) {
		for _, o := range f.Orphans {
			out = append(out, Orphaned(o))
		}
		return out
	}}}
	for _, c := range conditionChecks {
		out = append(out, Check{Name: c.check, Severity: c.severity, Find: func(f *Facts) (out []Finding) {
			for _, d := range f.Degraded {
				if d.Reason == c.reason {
					out = append(out, Finding{Object: "controller", Text: d.Text, Remedy: d.Remedy})
				}
			}
			return out
		}})
	}
	return out
}

// Orphaned returns the finding about a stack that no object claims.
func Orphaned(o orphan.Orphan) Finding {
	x := Finding{Object: o.Key.String(), Text: o.Why + ", and it has resources"}
	for _, r := range o.Resources {
		x.Evidence = append(x.Evidence, r.String())
	}
	return x
}
