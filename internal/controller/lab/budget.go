package lab

import (
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// Fault has AWS refuse something from now on.
func (l *Lab) Fault(f gate.Fault) {
	l.Helper()
	f.ID = "budget"
	_, err := l.Sim.Gate.AddFault(f)
	l.Must(err)
}
