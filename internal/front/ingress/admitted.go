package ingress

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// governing are the class parameters that name an explicit group. They restrict its membership, whatever class its
// members have.
func governing(v *objects.View, id stack.ID) []*v1beta1.IngressClassParams {
	if id.Namespace != "" {
		return nil
	}
	return objects.Naming[*v1beta1.IngressClassParams](v, objects.IngressClassParams, objects.Ref{Kind: objects.Group,
		Name: id.Name})
}

// NotAdmitted returns why an Ingress must not be in a group; nil if it may.
func NotAdmitted(v *objects.View, ing *networkingv1.Ingress, id stack.ID) *diag.Diagnostic {
	for _, p := range governing(v, id) {
		why := excludes(v, p.Spec.Group.NamespaceSelector, ing.Namespace)
		if why == "" {
			continue
		}
		d := diag.New(Object(ing), annotation.GroupName.Path(), diag.InvalidGroup,
			fmt.Sprintf("spec.group.namespaceSelector does not admit it to group %s (IngressClassParams %s): %s", id.Name,
				p.Name, why),
			"use another group, or add the labels of the selector to the namespace")
		return &d
	}
	return nil
}

// Refused returns why the class parameters of the group that a managed Ingress names exclude it; nil if they do not.
func Refused(v *objects.View, cfg Config, ing *networkingv1.Ingress) *diag.Diagnostic {
	class, d := Classify(v, cfg, ing)
	if d != nil || !class.Managed {
		return nil //nolint:nilerr // a finding about the class is reported separately
	}
	id, d := groupOf(class, ing)
	if d != nil {
		return nil //nolint:nilerr // so is one about the name of the group
	}
	return NotAdmitted(v, ing, id)
}

// authorityOf is the authority of an Ingress over the settings that the members of its group share.
func authorityOf(v *objects.View, ing *networkingv1.Ingress, id stack.ID) intent.Authority {
	authority := intent.Equal
	for _, p := range governing(v, id) {
		switch named := p.Spec.Group.SettingsNamespaces; {
		case len(named) == 0:
		case !slices.Contains(named, v1beta1.IngressGroupNamespace(ing.Namespace)):
			return intent.RoutesOnly
		default:
			authority = intent.Deciding
		}
	}
	return authority
}

// Shards returns how many load balancers an explicit group may have: the highest number that class parameters of the
// group declare. One whose name leaves no room for their numbers, which the API server refuses, has one.
func Shards(v *objects.View, group stack.ID) int {
	most := 1
	for _, p := range governing(v, group) {
		if n := p.Spec.Group.Shards; n != nil && naming.Shardable(group) {
			most = max(most, min(int(*n), naming.MaxShards))
		}
	}
	return most
}
