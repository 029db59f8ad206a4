package ingress

import (
	"fmt"

	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/diag" // decision 16: WAF Classic
	"github.com/k8s-lbc/lbc/internal/intent"
)

// addOns reads the settings of optional features. A class parameter that is set overrides its annotation.
func (t *translation) addOns(spec v1beta1.IngressClassParamsSpec) intent.AddOns {
	out := intent.AddOns{
		CustomerOwnedPool: t.read.String(annotation.CustomerOwnedPool),
		Shield:            t.read.Bool(annotation.Shield),
		ClassicWebACL:     t.classicWebACL(), // decision 16: WAF Classic
	}
	if out.CustomerOwnedPool.Set && out.CustomerOwnedPool.Value == "" {
		t.read.Invalid(annotation.CustomerOwnedPool, fmt.Sprintf("cannot use empty value for %s annotation", annotation.CustomerOwnedPool),
			"name a pool, or remove the annotation")
		out.CustomerOwnedPool = intent.Field[string]{}
	}
	if c := spec.MinimumLoadBalancerCapacity; c != nil {
		out.Capacity = intent.Of(c.CapacityUnits, t.params("spec.minimumLoadBalancerCapacity.capacityUnits"))
	} else {
		out.Capacity = t.read.Capacity(annotation.Capacity, !t.config.CapacityOff)
	}
	pool := ""
	if c := spec.IPAMConfiguration; c != nil {
		pool = ptr.Deref(c.IPv4IPAMPoolId, "")
	}
	out.IPAMPool = filled(t.text(pool, "spec.ipamConfiguration.ipv4IPAMPoolId", annotation.IPAMPool))
	out.WebACLName = filled(t.text(spec.WAFv2ACLName, "spec.wafv2AclName", annotation.WebACLName))
	out.WebACL = filled(t.text(spec.WAFv2ACLArn, "spec.wafv2AclArn", annotation.WebACLARN))
	return out
}

// filled is f, or not set if its value is empty.
func filled(f intent.Field[string]) intent.Field[string] {
	if f.Value == "" {
		return intent.Field[string]{}
	}
	return f
}

// classicWebACL reads the web ACL; the former key is read only if the present one is absent. decision 16: WAF Classic
func (t *translation) classicWebACL() intent.Field[string] {
	key := annotation.ClassicWebACL
	if _, _, ok := t.read.Raw(key); !ok {
		key = annotation.FormerWebACL
	} else {
		t.read.Ignored(annotation.FormerWebACL, fmt.Sprintf("annotation %s has no effect beside %s", annotation.FormerWebACL, key), "remove it")
	}
	out := filled(t.read.String(key))
	switch {
	case !out.Set, t.config.WAFClassicOff: // compile notes that the setting has no effect
	case out.Value == intent.None:
		t.read.Note(key, diag.EndedSupport, fmt.Sprintf("annotation %s takes a web ACL of WAF Classic away, whose support AWS ended on 2025-09-30", key),
			fmt.Sprintf("remove it once the load balancer has none; it does not concern web ACLs of WAFv2 (%s)", annotation.WebACLARN))
	default:
		t.read.Note(key, diag.EndedSupport, fmt.Sprintf("annotation %s is for WAF Classic, whose support AWS ended on 2025-09-30", key),
			fmt.Sprintf("move to a web ACL of WAFv2 and name it with %s", annotation.WebACLARN))
	}
	return out
}
