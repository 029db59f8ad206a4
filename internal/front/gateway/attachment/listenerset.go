package attachment

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func byAge(sets []*gatewayv1.ListenerSet) []*gatewayv1.ListenerSet {
	sets = slices.Clone(sets)
	slices.SortFunc(sets, func(a, b *gatewayv1.ListenerSet) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Namespace+"/"+a.Name, b.Namespace+
			"/"+b.Name))
	})
	return sets
}

func names(ref gatewayv1.ParentGatewayReference, namespace string, gateway Parent) bool {
	if ref.Namespace != nil {
		namespace = string(*ref.Namespace)
	}
	return (ref.Group == nil || *ref.Group == gatewayv1.GroupName) && (ref.Kind == nil || *ref.Kind == "Gateway") &&
		string(ref.Name) == gateway.Name && namespace == gateway.Namespace
}

// admits reports whether spec.allowedListeners of a Gateway admits a ListenerSet; without it, none is.
func admits(gateway *gatewayv1.Gateway, set *gatewayv1.ListenerSet, namespaces Namespaces) bool {
	a := gateway.Spec.AllowedListeners
	if a == nil || a.Namespaces == nil {
		return false
	}
	from := gatewayv1.NamespacesFromNone
	if a.Namespaces.From != nil {
		from = *a.Namespaces.From
	}
	return namespaceAllowed(from, a.Namespaces.Selector, gateway.Namespace, set.Namespace, namespaces)
}

// InvalidAdmission says what is wrong with spec.allowedListeners of a Gateway; empty = nothing. The ListenerSets that
// it admitted before then stay.
func InvalidAdmission(gateway *gatewayv1.Gateway) string {
	a := gateway.Spec.AllowedListeners
	if a == nil || a.Namespaces == nil || a.Namespaces.From == nil {
		return ""
	}
	return invalidNamespaces(*a.Namespaces.From, a.Namespaces.Selector)
}

// invalidNamespaces says what is wrong with a choice of namespaces; empty = nothing.
func invalidNamespaces(from gatewayv1.FromNamespaces, selector *metav1.LabelSelector) string {
	switch from {
	case gatewayv1.NamespacesFromAll, gatewayv1.NamespacesFromSame, gatewayv1.NamespacesFromNone:
		return ""
	case gatewayv1.NamespacesFromSelector:
		if selector == nil {
			return "from is Selector, and there is no selector; add one"
		}
		if _, err := metav1.LabelSelectorAsSelector(selector); err != nil {
			return fmt.Sprintf("the selector is not valid: %v", err)
		}
		return ""
	}
	return fmt.Sprintf("from is %q; write All, Same or Selector", from)
}

func namespaceAllowed(from gatewayv1.FromNamespaces, selector *metav1.LabelSelector, own, other string,
	namespaces Namespaces) bool {
	switch from {
	case gatewayv1.NamespacesFromAll:
		return true
	case gatewayv1.NamespacesFromSame:
		return own == other
	case gatewayv1.NamespacesFromSelector:
		if selector == nil {
			return false
		}
		s, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			return false
		}
		var keys []string
		requirements, _ := s.Requirements()
		for _, r := range requirements {
			keys = append(keys, r.Key())
		}
		set, ok := namespaces(other, keys...)
		return ok && s.Matches(set)
	case gatewayv1.NamespacesFromNone:
	}
	return false
}
