package plan

import "github.com/k8s-lbc/lbc/internal/stack"

// Output is what a write answered.
type Output struct {
	ID         string // ARN or group id of what was created
	DNSName    string // of load balancers
	HostedZone string
	State      string
}

// Advance is the observation after an operation succeeded; resolve gives the ARN or group id behind a reference.
func Advance(obs Observed, op Op, out Output, resolve func(stack.Ref) string) Observed {
	return obs
}
