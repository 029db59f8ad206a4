package lab

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/awssim/gate"
)

// RefusedCalls are the calls to AWS since a mark that it refused.
func (l *Lab) RefusedCalls(mark uint64) []string {
	var out []string
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		if c.Failed() {
			out = append(out, c.Action+": "+c.Code+" "+c.Message)
		}
	}
	return out
}

// LeftOfStacks lists the resources of load balancers without the shared security group, which goes later.
func (l *Lab) LeftOfStacks() []string {
	return slices.DeleteFunc(l.Left(), func(s string) bool { return strings.HasPrefix(s, "security group k8s-traffic-") })
}

// Edited edits a Service.
func (l *Lab) Edited(name string, change func(*corev1.Service)) {
	l.Helper()
	s := &corev1.Service{}
	l.Get(s, name)
	change(s)
	l.Must(l.Client.Update(l.Context(), s))
}
