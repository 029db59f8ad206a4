package iampolicy

import (
	"regexp"
	"slices"
)

// reading matches actions that change nothing.
var reading = regexp.MustCompile(`:(BatchGet|Describe|Get|List)`)

// simulation has IAM say what the policies of the controller's role allow.
const simulation = "iam:SimulatePrincipalPolicy"

// Reader returns the part of a policy that only reads, for people and pipelines that plan and examine. It has no action
// that AWS checks on the way of a write only: calls are the actions of calls. IAM's simulation is part of it, which lbc
// doctor uses.
func Reader(d Document, calls []string) Document {
	var out []Statement
	for _, s := range d.Statement {
		s.Action = slices.DeleteFunc(slices.Clone(s.Action), func(a string) bool {
			return !reading.MatchString(a) || !slices.Contains(calls, a)
		})
		if len(s.Action) > 0 {
			out = append(out, s)
		}
	}
	return document(append(out, Statement{Sid: "SimulateRole", Action: []string{simulation}, Resource: Values{"*"}})...)
}
