package declare

import (
	"strings"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// Protected reports whether an annotation of the object protects its accelerator from being deleted with it.
func Protected(ga *agav1beta1.GlobalAccelerator) bool {
	v, ok := ga.Annotations[naming.AcceleratorDeletionProtection]
	return ok && !strings.EqualFold(v, "false") && !strings.EqualFold(v, "disabled")
}
