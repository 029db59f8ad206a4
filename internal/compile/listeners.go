package compile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/compile/rules"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const defaultSSLPolicy = "ELBSecurityPolicy-2016-08"

// buildListeners builds the listeners with their rules and, at the first reference, the target groups.
func (b *build) buildListeners() {
	b.targets = make(map[string]stack.Ref, len(b.owners))
	b.certificateOf, b.broughtBy = map[portCertificate]int{}, map[portCertificate][]string{}
	b.certified = map[memberPort]intent.Listener{}
	b.ownedIDs, b.guarded = map[string]bool{}, map[guardedVersion]guardedMember{}
	b.boundCertificates()
	redirect := b.redirectPort()
	b.servesHTTP = redirect == 0
	wanted := make([]portRules, 0, len(b.ports)) // of b.listen
	for _, p := range b.ports {
		if all, made := b.buildListener(p, redirect); made {
			wanted = append(wanted, portRules{p, all})
		}
	}
	b.keepLost()
	b.fitCertificates()
	b.fitRules(wanted)
	b.noteHidden(redirect)
	for _, w := range wanted {
		b.placeRules(w.port, w.rules)
	}
}

// portRules are the rules that a port is to have.
type portRules struct {
	port  *port
	rules []rules.Rule
}

// buildListener adds the listener of a port, and returns its rules; made is false if there can be none.
func (b *build) buildListener(p *port, redirect int32) (all []rules.Rule, made bool) {
	other := b.listenerOfOthers(p)
	if other != nil && !b.joins(p, other) {
		return nil, false
	}
	id := naming.ListenerID(p.number)
	ref := stack.Ref{Kind: stack.KindListener, ID: id}
	l := stack.Listener{
		ID: id, LoadBalancer: stack.Ref{Kind: stack.KindLoadBalancer, ID: stack.LoadBalancerIdentity},
		Port: p.number, Protocol: p.protocol, Attributes: b.listenerAttributes(p),
		Joined: other != nil,
	}
	fields := map[string]intent.Source{"InboundCIDRs": p.cidrs.Source, "PrefixLists": p.prefixLists.Source,
		"Protocol": p.declared()}
	var keepsActions bool
	switch {
	case redirect != 0 && p.protocol == "HTTP" && l.Joined: // as its default action would, if it were the stack's
		l.DefaultActions = stack.NotFound()
	case l.Joined:
		l.DefaultActions = stack.NotFound()
		all = b.portRules(p, ref, intent.Source{})
	case redirect != 0 && p.protocol == "HTTP":
		l.DefaultActions = redirectTo(redirect)
		b.redirected(p)
		fields["DefaultActions"] = b.settings.sslRedirect.Source
	default:
		l.DefaultActions, keepsActions, fields["DefaultActions"] = b.defaultActions(p)
		if b.e.Type == stack.Network && len(l.DefaultActions) == 0 {
			if keepsActions {
				b.keep.Resources = append(b.keep.Resources, ref)
			}
			return nil, false
		}
		all = b.portRules(p, ref, fields["DefaultActions"])
	}
	complete := !p.secure() || l.Joined || b.secureListener(p, &l, fields)
	if p.secure() && !l.Joined && len(b.needs) == 0 && !b.keep.Settings {
		b.keepReplaced(p, complete)
	}
	if !complete && !b.keep.Settings {
		if b.unproven(p) {
			return nil, false
		}
		// Its target groups are created, so that an existing listener keeps serving, and a new one is created soon.
		b.keep.Resources = append(b.keep.Resources, ref)
		b.withheldRules = append(b.withheldRules,
			portRules{p, append(all, rules.Rule{Rule: stack.Rule{Actions: l.DefaultActions}})})
		return nil, false
	}
	b.trace(stack.KindListener, id, p.members, fields)
	b.traceKeys(stack.KindListener, id, "Attributes", p.attrSource)
	b.tagListener(p, &l)
	b.listen = append(b.listen, l)
	if keepsActions {
		b.keep.Actions = append(b.keep.Actions, ref)
	}
	b.keepRules(p, id)
	return all, true
}

// tagListener sets the tags of a listener.
func (b *build) tagListener(p *port, l *stack.Listener) {
	// among those of others, tags alone say which are the stack's
	if !b.cfg.Gates.ListenerRulesTagging && b.lb.ARN == "" && b.adopts == "" {
		return
	}
	user, sources := b.sharedTags(fmt.Sprintf("listener-tag@%d", p.number), p.members, false)
	l.Tags = b.tags(user, l.ID)
	b.traceKeys(stack.KindListener, l.ID, "Tags", sources)
}

// secureListener sets what a listener with TLS has. complete is false if AWS cannot have the listener now: it has no
// certificate, or the trust store by which it verifies clients is not known.
func (b *build) secureListener(p *port, l *stack.Listener, fields map[string]intent.Source) (complete bool) {
	var exists bool
	l.SSLPolicy, exists = b.sslPolicyOf(p)
	fields["SSLPolicy"] = p.sslPolicy.Source
	var unread, safe bool
	l.Certificates, fields["Certificates"], unread = b.certificates(p)
	if unread {
		b.keep.Certificates = append(b.keep.Certificates, stack.Ref{Kind: stack.KindListener, ID: l.ID})
	}
	if len(l.Certificates) > 1 { // the default one needs no further attachment
		l.SNI = l.Certificates[1:]
	}
	if l.Mutual, safe = b.mutual(p); l.Mutual != nil {
		fields["Mutual"] = p.mutual.Source
	}
	if p.protocol == "TLS" {
		l.ALPN = b.alpn(p)
		fields["ALPN"] = p.alpn.Source
	}
	return len(l.Certificates) > 0 && safe && exists
}

// sslPolicyOf is the TLS policy of a port. If AWS does not have the declared one, a listener that exists keeps its
// policy, and exists is false for another one: it is not created with weaker settings than declared.
func (b *build) sslPolicyOf(p *port) (policy string, exists bool) {
	policy = p.sslPolicy.Or(cmp.Or(b.cfg.DefaultSSLPolicy, defaultSSLPolicy))
	if !p.sslPolicy.Set || slices.Contains(constraint.SSLPolicies, policy) {
		return policy, true
	}
	known, asked := b.f.SSLPolicies[policy]
	if !asked {
		b.ask(facts.Need{Kind: facts.NeedSSLPolicy, Key: policy})
	}
	if known || !asked { // AWS decides about what is not known
		return policy, true
	}
	d := diag.New(b.members[p.sslPolicy.Member].Object, p.sslPolicy.Source.Place(), p.sslPolicy.Source.InvalidCode(),
		fmt.Sprintf("TLS policy %.100s does not exist", policy), "name a security policy of Elastic Load Balancing").
		In(diag.Certificate)
	if near := annotation.NearestOf(policy, constraint.SSLPolicies...); near != "" {
		d.Remedy = fmt.Sprintf("did you mean %s?", near)
	}
	if lb, _ := b.existing(); lb != nil {
		if details := b.details(); details != nil && details.Listeners[p.number].SSLPolicy != "" {
			policy, exists = details.Listeners[p.number].SSLPolicy, true
		}
	}
	if exists {
		d.Text += fmt.Sprintf("; the %s listener on port %d keeps policy %s", p.protocol, p.number, policy)
	} else {
		d.Text += untilThen(p)
		d.Port = p.number
	}
	b.note(p.sslPolicy.Member, d)
	return policy, exists
}

// keepRules keeps the rules of a listener that may be those of frozen members.
func (b *build) keepRules(p *port, listener string) {
	var prefixes []string
	for i := range b.members { // one that cannot be read may be on any port
		if b.members[i].State == quarantine.Frozen && (b.keep.Settings || slices.Contains(p.members, i)) {
			prefixes = append(prefixes, b.e.Names.TargetGroups(b.members[i].Object)...)
		}
	}
	if len(prefixes) == 0 {
		return
	}
	if b.keep.Rules == nil {
		b.keep.Rules = map[string]stack.KeptRules{}
	}
	b.keep.Rules[listener] = stack.KeptRules{Prefixes: prefixes, Except: b.foreignTo(prefixes)}
}

// alpn is the ALPN policy of a TLS port; empty = the existing one stays. With EnhancedDefaultBehavior, a policy that no
// annotation names any longer is reset.
func (b *build) alpn(p *port) string {
	if !p.alpn.Set && b.cfg.Gates.EnhancedDefaultBehavior {
		return "None"
	}
	return p.alpn.Value
}

// redirectPort is the HTTPS port to which all HTTP listeners redirect; 0 = none.
func (b *build) redirectPort() int32 {
	s := b.settings.sslRedirect
	if !s.Set {
		return 0
	}
	why := fmt.Sprintf("listener does not exist for SSLRedirect port: %d", s.Value)
	for _, p := range b.ports {
		if p.number != s.Value {
			continue
		}
		if p.protocol == "HTTPS" {
			return s.Value
		}
		why = fmt.Sprintf("listener protocol non-SSL for SSLRedirect port: %d", s.Value)
	}
	b.failShared(s.Member, diag.New(b.members[s.Member].Object, s.Source.Place(), diag.InvalidAnnotation, why,
		"name the port of an HTTPS listener, or add one to listen-ports"))
	return 0
}

func redirectTo(port int32) []stack.Action {
	return []stack.Action{{Type: stack.ActionRedirect, Redirect: quarantine.RedirectTo(port)}}
}

// defaultBackend are a member's actions for requests that no rule matches. Those of two members are never equal.
type defaultBackend struct {
	of      diag.Object
	actions []intent.Action
	stays   bool // they cannot be served as declared, and nothing is remembered: what AWS has stays
}

// defaultActions returns the default actions, which at most one member may set. If none does, an ALB answers 404 and an
// NLB has no listener. kept reports whether those which AWS holds stay.
func (b *build) defaultActions(p *port) (actions []stack.Action, kept bool, source intent.Source) {
	var candidates []merge.Owned[defaultBackend]
	for at, i := range p.members {
		l := p.listeners[at]
		if len(l.Default) > 0 || l.DefaultSource.Path() != "" {
			candidates = append(candidates, merge.Of(i, intent.Of(defaultBackend{b.members[i].Object, l.Default,
				l.Unserved != ""}, l.DefaultSource)))
		}
	}
	if b.e.Type == stack.Network {
		if len(candidates) == 0 && slices.ContainsFunc(p.listeners, func(l intent.Listener) bool {
			return l.Unserved != ""
		}) {
			return nil, true, intent.Source{}
		}
		return b.networkActions(p.number, candidates)
	}
	c, ok := merge.Resolve(&b.group, candidates, &merge.Setting[defaultBackend]{
		Name: fmt.Sprintf("default-backend@%d", p.number), What: fmt.Sprintf("default backend of port %d", p.number),
		Among: p.members,
		Text:  func(d defaultBackend) string { return d.of.String() },
		Show:  func(defaultBackend) string { return "a default backend" },
	})
	switch {
	case !ok:
		return stack.NotFound(), false, intent.Source{}
	case b.members[c.Member].State.LeftOut() || len(c.Value.actions) == 0:
		return stack.UnavailableOf(b.e.Key.Owner), c.Value.stays || b.members[c.Member].State == quarantine.Frozen, c.Source
	}
	route := intent.Route{Source: c.Source}
	route.Authentication, route.Actions = quarantine.SplitDefault(c.Value.actions)
	actions, kept = b.keptActions(c.Member, b.routeActions(p, c.Member, &route), c.Source)
	b.noteLoop(p, c.Member, c.Source, actions)
	return actions, kept, c.Source
}

// noteLoop notes a default action that redirects the requests of a port to themselves.
func (b *build) noteLoop(p *port, member int, source intent.Source, actions []stack.Action) {
	if n := len(actions); n > 0 && actions[n-1].Redirect != nil &&
		rules.Loops(p.number, p.protocol, nil, actions[n-1].Redirect) {
		b.note(member, diag.New(b.members[member].Object, source.Place(), diag.HiddenRule, fmt.Sprintf(
			"the default backend redirects requests at port %d to themselves: clients follow it without end", p.number),
			fmt.Sprintf("redirect to another protocol, host, port or path; to redirect HTTP only, use annotation %s",
				annotation.SSLRedirect)))
	}
}

// networkActions are the default actions of an NLB's listener. Only one member declares some: a Service, or the route
// of a Gateway that serves the port.
func (b *build) networkActions(port int32, candidates []merge.Owned[defaultBackend]) (actions []stack.Action, kept bool,
	source intent.Source) {
	if len(candidates) == 0 {
		return nil, false, intent.Source{}
	}
	c := candidates[0]
	if b.members[c.Member].State == quarantine.Frozen && len(b.members) > 1 {
		return nil, true, c.Source
	}
	actions = b.actions(c.Member, c.Value.actions, c.Source)
	for _, a := range actions {
		if a.Forward != nil && !b.withoutDenied(c.Member, port, a.Forward) {
			return nil, false, c.Source
		}
	}
	return actions, false, c.Source
}
