package ingress

import (
	"fmt"

	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// addOns reads the settings of optional features. A class parameter that is set overrides its annotation.
func (t *translation) addOns(spec v1beta1.IngressClassParamsSpec) intent.AddOns {
	out := intent.AddOns{
		CustomerOwnedPool: t.read.String(annotation.CustomerOwnedPool),
		Shield:            t.read.Bool(annotation.Shield),
	}
	if out.CustomerOwnedPool.Set && out.CustomerOwnedPool.Value == "" {
		t.read.Invalid(annotation.CustomerOwnedPool, fmt.Sprintf("cannot use empty value for %s annotation",
			annotation.CustomerOwnedPool),
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
	if spec.WAFv2ACLArn != "" && spec.WAFv2ACLName == "" { // of one object, a name comes before an ARN
		code, text := overruledBy(annotation.WebACLName, t.params("spec.wafv2AclArn"), lost(annotation.WebACLName,
			split(out.WebACLName.Value), nil))
		t.read.Overruled(annotation.WebACLName, code, text, removeOverruled)
		out.WebACLName = intent.Field[string]{}
	}
	t.refuseClassicWebACL(out)
	return out
}

// filled returns f; a field that is not set if its value is empty.
func filled(f intent.Field[string]) intent.Field[string] {
	if f.Value == "" {
		return intent.Field[string]{}
	}
	return f
}

// refuseClassicWebACL reports a web ACL of WAF Classic, which AWS ended on 2025-09-30: the controller associates
// nothing. The former key counts only if the present one is absent. If the Ingress has a WAFv2 web ACL, or wants
// none, it does not lack protection.
func (t *translation) refuseClassicWebACL(out intent.AddOns) {
	key := annotation.ClassicWebACL
	if _, _, ok := t.read.Raw(key); !ok {
		key = annotation.FormerWebACL
	} else {
		t.read.Ignored(annotation.FormerWebACL, fmt.Sprintf("annotation %s has no effect together with %s",
			annotation.FormerWebACL, key), "remove it")
	}
	id := t.read.String(key)
	switch {
	case id.Value == "":
	case id.Value == intent.None:
		t.read.Ignored(key, fmt.Sprintf("annotation %s has no effect: AWS ended WAF Classic on 2025-09-30", key),
			"remove this annotation")
	case names(out.WebACLName), names(out.WebACL) && !out.WebACLName.Set:
		t.read.Ignored(key, fmt.Sprintf("annotation %s has no effect: AWS ended WAF Classic on 2025-09-30, and the Ingress "+
			"has a WAFv2 web ACL", key), "remove this annotation")
	default:
		t.read.Note(key, diag.EndedSupport,
			fmt.Sprintf("annotation %s has no effect: AWS ended WAF Classic on 2025-09-30, so the load balancer serves "+
				"requests without web ACL %q", key, id.Value),
			fmt.Sprintf("create a WAFv2 web ACL, set %s to its ARN, and remove this annotation", annotation.WebACLARN))
	}
}

// names reports whether a setting names a web ACL; the value none does not.
func names(f intent.Field[string]) bool { return f.Set && f.Value != intent.None }
