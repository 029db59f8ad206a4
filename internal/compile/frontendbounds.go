package compile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// boundFrontend has class parameters that restrict who reaches the ALB restrict its frontend, too. An annotation that
// goes beyond them has no effect, unless the existing frontend is like that.
func (b *build) boundFrontend() {
	f := &b.front
	scheme := b.settings.scheme
	if scheme.Source.OfClass() && scheme.Value == stack.Internal && !f.scheme.Source.OfClass() &&
		f.scheme.Or(cmp.Or(b.cfg.DefaultScheme, stack.Internal)) == stack.InternetFacing {
		exists := func() bool { return b.existsFrontendScheme(stack.InternetFacing) }
		bound(b, &f.scheme, bounds{"scheme", scheme.Source, exists,
			"remove " + string(annotation.FrontendScheme) + ", or have an administrator set the annotation " +
				string(annotation.ClassFrontendScheme) + " of the class parameters"})
		if !f.scheme.Set {
			f.scheme.Field = intent.Of(stack.Internal, scheme.Source)
		}
	}
	for _, p := range b.ports {
		source := p.cidrs.Source
		if !source.OfClass() {
			source = p.prefixLists.Source
		}
		if f.groups.Set && source.OfClass() && !b.settings.securityGroups.Set {
			bound(b, &f.groups, bounds{"security groups", source, func() bool { return b.existsFrontendGroups(f.groups.Value) },
				"remove it: the frontend NLB has the security groups of the ALB"})
		}
	}
}

// boundSubnets has the subnets of class parameters restrict the named subnets of the frontend.
func (b *build) boundSubnets(named []stack.SubnetMapping) {
	f := &b.front
	ids, own := subnetIDs(named), subnetIDs(b.lb.Subnets)
	if !b.settings.subnets.Source.OfClass() ||
		!slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(own, id) }) {
		return
	}
	bound(b, &f.subnets, bounds{"subnets", b.settings.subnets.Source, func() bool {
		return b.f.ExistingFrontend != nil && sameSet(ids, b.f.ExistingFrontend.Subnets)
	}, "name subnets of the ALB, or remove " + string(annotation.FrontendSubnets)})
}

func subnetIDs(mappings []stack.SubnetMapping) (out []string) {
	for _, m := range mappings {
		out = append(out, m.Subnet)
	}
	return out
}

// bounds are class parameters that restrict a setting of the frontend.
type bounds struct {
	what   string        // the setting
	class  intent.Source // what restricts it
	exists func() bool   // reports whether the existing frontend is as the setting says
	remedy string
}

// bound removes a setting of the frontend that goes beyond class parameters, unless the existing frontend is like that.
func bound[T any](b *build, s *merge.Owned[T], by bounds) {
	if lb, known := b.existing(); !known || lb != nil && by.exists() {
		b.unsure = b.unsure || !known
		return
	}
	if s.Set {
		o := b.members[max(s.Member, 0)].Object
		b.note(max(s.Member, 0), diag.New(o, s.Source.Place(), diag.ConflictingSettings,
			fmt.Sprintf("%s of the frontend NLB: %s of %s has no effect, because the class parameters %s restrict the "+
				"load balancer by %s", by.what, intent.Shown(s.Value), o, by.class.Object().Name, by.class.Path()), by.remedy))
	}
	*s = merge.Owned[T]{Member: -1}
}
