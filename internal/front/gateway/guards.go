package gateway

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Guards reports whether a configuration restricts who is served, or protects load balancers.
func Guards(o metav1.Object) bool {
	switch c := o.(type) {
	case *configv1.LoadBalancerConfiguration:
		s := c.Spec
		return ptr.Deref(s.Scheme, "") == stack.Internal ||
			(s.SourceRanges != nil || len(s.SecurityGroupPrefixes) > 0) && !overlap.AdmitsAll(ptr.Deref(s.SourceRanges, nil)) ||
			s.WAFv2 != nil && s.WAFv2.WebACL != "" && s.WAFv2.WebACL != intent.None ||
			s.ShieldConfiguration != nil && s.ShieldConfiguration.Enabled ||
			slices.ContainsFunc(s.LoadBalancerAttributes, func(a configv1.Attribute) bool {
				return constraint.Protects(a.Key, a.Value)
			}) || slices.ContainsFunc(s.ListenerConfigurations, func(l configv1.ListenerConfiguration) bool {
			return verifies(l.MutualAuthentication)
		})
	case *configv1.ListenerRuleConfiguration:
		return len(c.Spec.Conditions) > 0 || slices.ContainsFunc(c.Spec.Actions, func(a configv1.Action) bool {
			return a.AuthenticateCognitoConfig != nil || a.AuthenticateOIDCConfig != nil || a.JWTValidationConfig != nil ||
				a.FixedResponseConfig != nil
		})
	}
	return false
}
