package explain

import (
	"cmp"

	"github.com/k8s-lbc/lbc/internal/stack"
)

func addWAFClassic(lb stack.LoadBalancer, add func(name, value, key string)) {
	if lb.ClassicWebACL != nil {
		add("classic web ACL", cmp.Or(*lb.ClassicWebACL, "none"), "ClassicWebACL")
	}
}
