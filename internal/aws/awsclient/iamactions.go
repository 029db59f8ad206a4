package awsclient

import "slices"

// IAMActions are the IAM actions of all operations, sorted.
func IAMActions() []string {
	var out []string
	for _, o := range Operations {
		out = append(out, o.Permission)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
