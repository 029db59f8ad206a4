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
	checks []Check
}

// areas are the checks by what they examine, in the order of the documentation.
func areas() []area {
	return []area{
		{"The cluster", slices.Concat(clusterChecks(), ofLeader(doctor.NodeChecks), clockChecks)},
		{"The controller", slices.Concat(controllerChecks, ofLeader(doctor.ObjectChecks), permissionChecks)},
		{"Admission webhooks", webhookChecks},
		{"Classes", ofLeader(doctor.ClassChecks)},
		{"Network", networkChecks},
		{"Traffic", slices.Concat(trafficChecks, ofLeader(doctor.PodChecks), ofLeader(doctor.BindingChecks))},
		{"The account", slices.Concat(accountChecks, ofLeader(doctor.CertificateChecks))},
		{"Limits", limitChecks},
	}
}

// Check is a check of lbc doctor.
type Check = doctor.CheckOf[*Facts]

// ofLeader are checks that the leader makes as well.
func ofLeader(all []doctor.Check) (out []Check) {
	for _, c := range all {
		one := Check{Name: c.Name, Severity: c.Severity, About: c.About, Remedy: c.Remedy, Needs: c.Needs, Uses: c.Uses,
			Find: func(f *Facts) []doctor.Finding { return c.Find(&f.Facts) }}
		if c.Skip != nil {
			one.Skip = func(f *Facts) string { return c.Skip(&f.Facts) }
		}
		out = append(out, one)
	}
	return out
}

// Examine runs checks on facts.
func Examine(f *Facts, checks []Check) doctor.Report { return doctor.Examine(&f.Facts, f, checks) }

// All returns all checks.
func All() (all []Check) {
	for _, a := range areas() {
		all = append(all, a.checks...)
	}
	return all
}

// Names returns the names of all checks, sorted.
func Names() (names []string) {
	for _, c := range All() {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

// NeededBy returns the sources that checks need and those before them, in the order of Sources.
func NeededBy(checks []Check) []doctor.Source {
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
