package lab

import (
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
)

// onPassed is what is called after each pass; nil = nothing is.
func (l *Lab) onPassed() func(stacks.Passed) {
	if l.History == nil {
		return nil
	}
	return l.History.Passed
}
