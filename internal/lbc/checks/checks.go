// Package checks has all checks of lbc doctor, by what they examine, and the page docs/doctor.md: those that the leader
// makes as well, of package doctor (internal/view), and those that need more than the leader has.
package checks

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// area is what checks examine.
type area struct {
	title  string
	checks []doctor.Check
}

// areas are the checks by what they examine, in the order of the documentation.
func areas() []area {
	return []area{
		{"The cluster", slices.Concat(clusterChecks(), doctor.NodeChecks, clockChecks)},
		{"The controller", slices.Concat(controllerChecks, doctor.ObjectChecks, permissionChecks)},
		{"Admission webhooks", webhookChecks},
		{"Classes", doctor.ClassChecks},
		{"Network", networkChecks},
		{"Traffic", slices.Concat(trafficChecks, doctor.BindingChecks)},
		{"The account", slices.Concat(accountChecks, doctor.CertificateChecks)},
		{"Limits", limitChecks},
	}
}

// All are all checks.
func All() (all []doctor.Check) {
	for _, a := range areas() {
		all = append(all, a.checks...)
	}
	return all
}

// Names are the names of all checks, sorted.
func Names() (names []string) {
	for _, c := range All() {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

// NeededBy are the sources that checks need and those before them, in the order of Sources.
func NeededBy(checks []doctor.Check) []doctor.Source {
	wanted := map[doctor.Source]bool{}
	for _, c := range checks {
		for _, n := range slices.Concat(c.Needs, c.Uses) {
			wanted[n] = true
		}
	}
	for _, s := range slices.Backward(doctor.Sources) { // each is after those before it
		for _, before := range slices.Concat(s.Through, s.Uses) {
			wanted[before] = wanted[before] || wanted[s.Name]
		}
	}
	var out []doctor.Source
	for _, s := range doctor.Sources {
		if wanted[s.Name] {
			out = append(out, s.Name)
		}
	}
	return out
}
