package orphan

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// why describes the claims that a stack lacks.
func why(key stack.Key) string {
	kind := owner.Of(key.Owner)
	switch {
	case key == Backend:
		return "no object has a finalizer of the controller, and no TargetGroupBinding lets the group in"
	case key.ID.Namespace == "":
		return fmt.Sprintf("no %s names the group %s or has its finalizer, and no status shows its load balancer", kind.Kind,
			key.ID.Name)
	}
	return fmt.Sprintf("there is no %s %s, and no object has its finalizer or shows its load balancer in its status",
		kind.Kind, key.ID)
}

// Delete returns the command that deletes an orphan. alive is true if a controller runs: its Lease would stop the
// command without a flag.
func (o Orphan) Delete(alive bool) string {
	command := "lbc cleanup --stack " + o.Key.String()
	if alive {
		command += " --ignore-controller"
	}
	return command
}
