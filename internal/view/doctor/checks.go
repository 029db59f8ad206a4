package doctor

import "slices"

// area is what checks examine.
type area struct {
	title  string
	checks []Check
}

// areas are the checks by what they examine, in the order of the documentation. A function, unlike a variable, leaves
// the checks that only lbc makes out of the controller's binary.
func areas() []area {
	return []area{
		{"The cluster", slices.Concat(clusterChecks(), nodeChecks, clockChecks)},
		{"The controller", slices.Concat(controllerChecks, objectChecks, permissionChecks)},
		{"Admission webhooks", webhookChecks},
		{"Classes", classChecks},
		{"Network", networkChecks},
		{"Traffic", slices.Concat(trafficChecks, bindingChecks)},
		{"The account", slices.Concat(accountChecks, certificateChecks)},
		{"Limits", limitChecks},
	}
}

// OfLeader are the checks that the leader makes once a minute as well, from what it holds: its caches, its events and
// its inventory of AWS.
func OfLeader() []Check {
	return slices.Concat(nodeChecks, objectChecks, classChecks, bindingChecks, certificateChecks)
}

// Checks are all checks.
func Checks() (all []Check) {
	for _, a := range areas() {
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
