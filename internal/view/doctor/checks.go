package doctor

import "slices"

// areas are the checks by what they examine, in the order of the documentation.
var areas = []struct {
	title  string
	checks []Check
}{
	{"The cluster", slices.Concat(clusterChecks, clockChecks)},
	{"The controller", slices.Concat(controllerChecks, permissionChecks)},
	{"Admission webhooks", webhookChecks},
	{"Classes", classChecks},
	{"Network", networkChecks},
	{"Traffic", trafficChecks},
	{"The account", accountChecks},
	{"Limits", limitChecks},
}

// Checks are all checks.
func Checks() (all []Check) {
	for _, a := range areas {
		all = append(all, a.checks...)
	}
	return all
}

// Names are the names of all checks, sorted.
func Names() (names []string) {
	for _, c := range Checks() {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

// OfLeader are the checks that the leader makes once a minute, from what it holds: its caches, its events and its inventory of AWS.
func OfLeader() (all []Check) {
	for _, c := range Checks() {
		if c.Leader {
			all = append(all, c)
		}
	}
	return all
}
