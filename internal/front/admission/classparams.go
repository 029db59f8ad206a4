package admission

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// Checks of IngressClassParams.
const (
	checkInboundCIDRs    = "checkInboundCIDRs"
	checkSubnetSelectors = "checkSubnetSelectors"
)

// maxName is the maximum length of the name of a load balancer.
const maxName = 32

// ClassParams validates the creation of class parameters, or, if old is not nil, their update. A refusal lists all
// errors. An update that leaves the spec unchanged is admitted.
func ClassParams(old, p *v1beta1.IngressClassParams) Response {
	if p.DeletionTimestamp != nil || old != nil && equality.Semantic.DeepEqual(old.Spec, p.Spec) {
		return Response{}
	}
	spec := field.NewPath("spec")
	cidrs := inboundCIDRs(p.Spec.InboundCIDRs, spec.Child("inboundCIDRs"))
	all := slices.Concat(cidrs, subnets(p.Spec.Subnets, spec.Child("subnets")))
	if len(all) == 0 {
		return Response{Warnings: paramsWarnings(p.Spec)}
	}
	check := checkSubnetSelectors
	if len(cidrs) > 0 {
		check = checkInboundCIDRs
	}
	return Response{Check: check, Denied: all.ToAggregate().Error(), Warnings: paramsWarnings(p.Spec)}
}

func inboundCIDRs(cidrs []string, at *field.Path) field.ErrorList {
	var all field.ErrorList
	for i, c := range cidrs {
		if complaint := cidrComplaint(c); complaint != "" {
			all = append(all, field.Invalid(at.Index(i), c, complaint))
		}
	}
	return all
}

func cidrComplaint(c string) string {
	p, err := netip.ParsePrefix(c)
	if err != nil {
		text := "Could not be parsed as a CIDR"
		switch a, err := netip.ParseAddr(c); {
		case err != nil || a.Zone() != "":
			return text
		case a.Is4():
			return fmt.Sprintf(`%s (did you mean "%s/32")`, text, a)
		default:
			return fmt.Sprintf(`%s (did you mean "%s/64")`, text, a)
		}
	}
	if p != p.Masked() {
		return fmt.Sprintf(`Network contains bits outside prefix (did you mean "%s")`, p.Masked())
	}
	return ""
}

func subnets(s *v1beta1.SubnetSelector, at *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	var all field.ErrorList
	switch {
	case s.IDs == nil && s.Tags == nil:
		all = append(all, field.Required(at, "must have either `ids` or `tags`"))
	case s.IDs != nil && s.Tags != nil:
		all = append(all, field.Forbidden(at.Child("tags"), "may not have both `ids` and `tags` set"))
	case s.Tags != nil && len(s.Tags) == 0:
		all = append(all, field.Required(at.Child("tags"), "must have at least one tag key"))
	}
	all = append(all, duplicates(s.IDs, at.Child("ids"))...)
	for _, k := range slices.Sorted(maps.Keys(s.Tags)) {
		all = append(all, duplicates(s.Tags[k], at.Child("tags").Key(k))...)
	}
	return all
}

func duplicates[T ~string](values []T, at *field.Path) field.ErrorList {
	var all field.ErrorList
	seen := map[T]bool{}
	for i, v := range values {
		if seen[v] {
			all = append(all, field.Duplicate(at.Index(i), string(v)))
		}
		seen[v] = true
	}
	return all
}

// paramsWarnings are about settings that are admitted and cannot take effect. Each Ingress of the class reports them,
// too.
func paramsWarnings(s v1beta1.IngressClassParamsSpec) []string {
	var all []string
	if s.Group != nil {
		if problem := naming.GroupNameProblem(s.Group.Name); problem != "" {
			all = append(all, fmt.Sprintf("spec.group.name: %q is not a valid group name, so no Ingress can use the class: %s",
				s.Group.Name, problem))
		}
		if _, err := metav1.LabelSelectorAsSelector(s.Group.NamespaceSelector); err != nil {
			all = append(all, fmt.Sprintf("spec.group.namespaceSelector: %v; no Ingress can join the group", err))
		}
	}
	if n, err := strconv.ParseInt(s.SSLRedirectPort, 10, 32); s.SSLRedirectPort != "" &&
		(err != nil || n < 1 || n > 65535) {
		all = append(all, fmt.Sprintf("spec.sslRedirectPort: %q is not a port, so nothing is redirected; write a number "+
			"from 1 to 65535", s.SSLRedirectPort))
	}
	if _, err := metav1.LabelSelectorAsSelector(s.NamespaceSelector); err != nil {
		all = append(all, fmt.Sprintf("spec.namespaceSelector: %v; no Ingress can use the class", err))
	}
	if len(s.LoadBalancerName) > maxName {
		all = append(all, fmt.Sprintf("spec.loadBalancerName: %q is longer than %d characters, which AWS refuses",
			s.LoadBalancerName, maxName))
	}
	return all
}
