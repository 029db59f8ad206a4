package lab

import (
	"github.com/k8s-lbc/lbc/api/v1beta1"
)

// CopyOf is what `kubectl get -o yaml | sed` or a restore makes of a binding in namespace zz.
func CopyOf(original v1beta1.TargetGroupBinding, change func(*v1beta1.TargetGroupBinding)) *v1beta1.TargetGroupBinding {
	c := original.DeepCopy()
	c.Namespace, c.UID, c.ResourceVersion, c.Finalizers = "zz", "uid-copy", "", nil
	change(c)
	return c
}
