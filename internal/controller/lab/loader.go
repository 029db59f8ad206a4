package lab

import (
	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
)

// Loader is that of the process that runs.
func (l *Lab) Loader() *controller.Loader {
	return &controller.Loader{Inventory: l.Inventory, Checkpoints: l.Checkpointer, Stacks: []*stacks.Reconciler{
		l.Ingresses, l.Services}, Declared: func() bool { return l.Ingresses.Index.Len() > 0 }, Log: logr.Discard()}
}
