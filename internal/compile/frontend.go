package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/tagkey"
)

// frontend is the network load balancer in front of the ALB, from merged settings. An invalid setting of it affects
// neither the ALB nor the member that has it: a frontend that exists then stays as it is.
type frontend struct {
	invalid     bool // a setting is invalid: an existing frontend stays as it is
	stays       bool // it exists, no member validly enables it, and a setting is invalid
	enabled     merge.Owned[bool]
	scheme      merge.Owned[string]
	subnets     merge.Owned[[]string]
	groups      merge.Owned[[]string]
	allocations merge.Owned[[]string]
	attributes  merge.Owned[map[string]string]
	tags        merge.Owned[map[string]string]
	ports       []*frontendPort
	resolved    []stack.Ref // of groups; nil = the ALB's

	balancers []stack.LoadBalancer // one or none
	listeners []stack.Listener
}

const (
	frontendWaits = "; the network load balancer in front of the ALB is not created or changed until this is fixed"
	frontendStays = "; the network load balancer in front of the ALB, which no member validly enables, is not deleted " +
		"until this is fixed"
)

var frontendRef = stack.Ref{Kind: stack.KindLoadBalancer, ID: stack.FrontendIdentity}

// frontendSetting merges a setting of the frontend; text is that of merge.Setting.
func frontendSetting[T any](b *build, what string, text func(T) string,
	get func(*intent.Frontend) intent.Field[T]) merge.Owned[T] {
	known := b.knownOfFrontend(what)
	s := merge.Setting[T]{Name: frontendName(what), What: what + " of the frontend NLB", Text: text, Show: shown[T],
		Fallback: known.fallback, ByDefault: known.byDefault}
	if known.exists != nil {
		s.Exists = func(v T) bool { return known.exists(v) }
	}
	return agreed(b, func(settings *intent.Settings) intent.Field[T] { return get(&settings.Frontend) }, s)
}

func frontendName(what string) string {
	if what == "enabling" {
		return "frontend/enabled"
	}
	return "frontend/" + strings.ReplaceAll(what, " ", "-")
}

// knownSetting are the fields of merge.Setting by which the value of a setting in AWS counts.
type knownSetting struct {
	fallback  string
	exists    func(v any) bool
	byDefault func() bool
}

func (b *build) knownOfFrontend(what string) knownSetting {
	switch what {
	case "enabling":
		return knownSetting{"false", func(v any) bool { return v == (b.f.ExistingFrontend != nil) },
			func() bool { return b.f.ExistingFrontend == nil }}
	case "scheme":
		fallback := cmp.Or(b.cfg.DefaultScheme, stack.Internal)
		return knownSetting{fallback, func(v any) bool { return b.existsFrontendScheme(printed(v)) },
			func() bool { return b.f.ExistingFrontend == nil || b.existsFrontendScheme(fallback) }}
	case "security groups":
		return knownSetting{exists: func(v any) bool { groups, _ := v.([]string); return b.existsFrontendGroups(groups) },
			byDefault: b.sharesGroupsWithFrontend}
	}
	return knownSetting{}
}

// mergeFrontend merges the settings of the frontend. It needs the merged ports.
func (b *build) mergeFrontend() {
	if b.e.Type != stack.Application {
		return
	}
	f := &b.front
	for i := range b.members {
		f.invalid = f.invalid || b.members[i].State != quarantine.Rejected && b.members[i].Settings.Frontend.Broken
	}
	f.enabled = frontendSetting(b, "enabling", nil, func(f *intent.Frontend) intent.Field[bool] { return f.Enabled })
	if !f.enabled.Value {
		b.noteIdleFrontend()
		if f.invalid {
			b.noteStayingFrontend()
		}
		return
	}
	f.scheme = frontendSetting(b, "scheme", nil, func(f *intent.Frontend) intent.Field[string] { return f.Scheme })
	f.subnets = frontendSetting(b, "subnets", setText, func(f *intent.Frontend) intent.Field[[]string] {
		return f.Subnets
	})
	f.groups = frontendSetting(b, "security groups", nil, func(f *intent.Frontend) intent.Field[[]string] {
		return f.SecurityGroups
	})
	f.allocations = frontendSetting(b, "EIP allocations", setText, func(f *intent.Frontend) intent.Field[[]string] {
		return f.Allocations
	})
	f.attributes = frontendSetting(b, "attributes", nil, func(f *intent.Frontend) intent.Field[map[string]string] {
		return f.Attributes
	})
	f.tags = frontendSetting(b, "tags", nil, func(f *intent.Frontend) intent.Field[map[string]string] { return f.Tags })
	b.boundFrontend()
	b.mergeFrontendPorts()
	b.resolveFrontendGroups()
}

// noteIdleFrontend notes settings of a frontend that have no effect because no member enables it.
func (b *build) noteIdleFrontend() {
	for i := range b.members {
		b.noteIdle(i, b.members[i].Settings.Frontend.Sources(), "no member of the group enables a network load balancer "+
			"in front of the ALB", "set enable-frontend-nlb to true, or remove the annotation")
	}
}

// noteIdle notes settings of a member that have no effect for a reason.
func (b *build) noteIdle(i int, settings []intent.Source, reason, remedy string) {
	for _, s := range settings {
		if !s.OfClass() && !b.notedIdle(i, s) { // a class has defaults for those of its members that have a use for them
			b.note(i, diag.New(b.members[i].Object, s.Place(), diag.IgnoredSetting,
				reason+", so this annotation has no effect", remedy))
		}
	}
}

// notedIdle reports whether the front end has noted that a setting of a member has no effect.
func (b *build) notedIdle(i int, setting intent.Source) bool {
	return slices.ContainsFunc(b.members[i].Diagnostics, func(d diag.Diagnostic) bool {
		return d.Code == diag.IgnoredSetting && d.Path == setting.Place()
	})
}

// noteStayingFrontend notes on the other members, one of which may have disabled the frontend, that it is not deleted,
// and because of whose errors: it costs money and serves clients.
func (b *build) noteStayingFrontend() {
	if !b.f.ExistingKnown {
		if need := needStack(&b.e); b.f.Failed(need) == nil {
			b.require(need)
		}
		return
	}
	if b.f.ExistingFrontend == nil {
		return
	}
	b.front.stays = true
	var broken []string
	for _, m := range b.members {
		if m.State != quarantine.Rejected && m.Settings.Frontend.Broken {
			broken = append(broken, m.Object.String())
		}
	}
	for i, m := range b.members {
		if m.State.LeftOut() || m.Settings.Frontend.Broken {
			continue
		}
		b.note(i, diag.New(m.Object, m.Settings.Frontend.Enabled.Source.Place(), diag.IgnoredSetting,
			fmt.Sprintf("the network load balancer in front of the ALB, which no member validly enables, is not deleted until "+
				"its settings on %s are corrected",
				strings.Join(broken, ", ")), "see the events there"))
	}
}

// frontendConsequence is the consequence of an invalid setting of the frontend, for diagnostics.
func (b *build) frontendConsequence() string {
	if b.front.stays {
		return frontendStays
	}
	return frontendWaits
}

// invalidateFrontend notes an error of the frontend on a member (-1 = on all), and leaves an existing frontend as it
// is.
func (b *build) invalidateFrontend(i int, d diag.Diagnostic) {
	b.front.invalid = true
	d.Text, d.Scope = d.Text+frontendWaits, diag.Frontend
	for j := range b.members {
		if (i < 0 || i == j) && !b.members[j].State.LeftOut() {
			d.Object = b.members[j].Object
			b.note(j, d)
		}
	}
}

func (b *build) frontendProblem(i int, source intent.Source, p *facts.Problem) {
	if p.Err != nil {
		i, source = -1, intent.Source{}
	}
	b.invalidateFrontend(i, p.Diagnostic(diag.Object{}, source.Place()))
}

// buildFrontend builds the load balancer, and per port a listener and a target group whose target is the ALB. It needs
// the listeners of the ALB.
func (b *build) buildFrontend() {
	f := &b.front
	if f.enabled.Value && !f.invalid {
		lb := b.frontendLoadBalancer()
		if !f.invalid {
			f.balancers = append(f.balancers, lb)
			for _, p := range f.ports {
				b.buildFrontendPort(p)
			}
		}
	}
	if f.invalid {
		b.keep.Resources = append(b.keep.Resources, frontendRef)
	}
}

func (b *build) frontendLoadBalancer() stack.LoadBalancer {
	f := &b.front
	lb := stack.LoadBalancer{
		ID: stack.FrontendIdentity, Name: naming.FrontendLoadBalancer(b.lb.Name), Type: stack.Network,
		Scheme: f.scheme.Or(cmp.Or(b.cfg.DefaultScheme, stack.Internal)), IPAddressType: b.lb.IPAddressType,
		SecurityGroups: f.resolved, Attributes: f.attributes.Value,
	}
	if lb.IPAddressType == stack.DualstackWithoutIPv4 { // which network load balancers do not have
		lb.IPAddressType = stack.Dualstack
	}
	if !f.groups.Set {
		lb.SecurityGroups = slices.Clone(b.lb.SecurityGroups)
	}
	for _, key := range b.cfg.ExternalManagedTags {
		if _, ok := f.tags.Value[key]; ok {
			b.invalidateFrontend(f.tags.Member, diag.New(diag.Object{}, f.tags.Source.Place(), diag.InvalidAnnotation,
				fmt.Sprintf("tag %s is reserved for other tools by --external-managed-tags", key),
				"remove the tag"))
		}
	}
	if f.tags.Set {
		refuseTags(b, max(f.tags.Member, 0), f.tags.Value, nil, func(string) string { return f.tags.Source.Place() })
	}
	lb.Tags = b.frontendTags(lb.ID)
	b.chooseFrontendSubnets(&lb)
	subnets := f.subnets.Source // an error of AWS about a new load balancer most likely concerns these
	if !f.subnets.Set {
		subnets = f.allocations.Source
	}
	b.trace(stack.KindLoadBalancer, lb.ID, b.group.All(), map[string]intent.Source{
		"Scheme": f.scheme.Source, "Subnets": subnets, "SecurityGroups": f.groups.Source, "Mappings": f.allocations.Source,
		"Attributes": f.attributes.Source, "Tags": f.tags.Source,
	})
	return lb
}

// frontendTags are the tags of the frontend, if any are set, else those of the ALB.
func (b *build) frontendTags(resource string) map[string]string {
	if f := &b.front; f.tags.Set {
		return b.tracked(maps.Clone(tagkey.Without(f.tags.Value, nil)), resource)
	}
	return b.tags(b.settings.tags, resource)
}
