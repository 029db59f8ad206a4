package impact

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lbc/migrate/equality"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// answer is the answer to a request.
type answer struct {
	text     string
	status   int      // of an answer by the load balancer itself; 0 = the request is forwarded
	services []string // to which it is forwarded
	login    login
	rewrites string   // how a transform changes the request on the way; empty = not
	rule     string   // the conditions of the rule that matches
	hosts    []string // of these
}

// login is what a request needs to pass.
type login struct {
	strength int    // 0 = nothing, 1 = a login is passed on if there is one, 2 = a login or token is needed
	by       string // who decides
	text     string
	claims   []stack.Claim
}

// listeners are the changes of answers at the ports that listen before and after.
func (c *comparison) listeners(id string) (out []Change) {
	for _, port := range c.is.ports(id) {
		x, y := c.was.listener(id, port), c.is.listener(id, port)
		if x == nil {
			continue
		}
		out = append(out, c.handshake(x, y)...)
		before, after := c.was.rules(x), c.is.rules(y)
		if c.sameRouting(x, y, before, after) {
			continue
		}
		out = append(out, c.answers(x, y, before, after)...)
	}
	return out
}

// sameRouting reports whether two listeners send all requests to the same target groups.
func (c *comparison) sameRouting(x, y *awsop.Listener, before, after []stack.Rule) bool {
	if x.ARN != y.ARN || !reflect.DeepEqual(x.DefaultActions, y.DefaultActions) || len(before) != len(after) {
		return false
	}
	for i := range before {
		a, b := before[i], after[i]
		if a.Order != b.Order || !reflect.DeepEqual(a.Conditions, b.Conditions) ||
			!reflect.DeepEqual(a.Actions, b.Actions) || !reflect.DeepEqual(a.Transforms, b.Transforms) {
			return false
		}
	}
	return true
}

// answers compares what both listeners do with requests generated from the rules of both.
func (c *comparison) answers(x, y *awsop.Listener, before, after []stack.Rule) (out []Change) {
	was, _ := traffic.NewMatcher(before, x.DefaultActions) // values that AWS refuses match nothing
	is, _ := traffic.NewMatcher(after, y.DefaultActions)
	all := requestsFor(y.Listener, slices.Concat(before, after))
	at := map[string]int{}
	for i := range all {
		r := &all[i]
		a, b := c.answer(&c.was, was.Match(r), r), c.answer(&c.is, is.Match(r), r)
		for _, change := range differences(a, b) {
			change.Of, change.Example = c.of, equality.Text(r)
			change.Where = "port " + strconv.Itoa(int(y.Port)) + ", " + change.Where
			if !isHTTP(y.Protocol) {
				change.Where, change.Example = "port "+strconv.Itoa(int(y.Port)), ""
			}
			key := strings.Join([]string{string(change.Kind), change.Where, change.Before, change.After}, "\x00")
			if j, seen := at[key]; seen {
				out[j].Hosts = union(out[j].Hosts, change.Hosts)
				continue
			}
			at[key] = len(out)
			out = append(out, change)
		}
	}
	return out
}

func isHTTP(protocol string) bool { return protocol == "HTTP" || protocol == "HTTPS" }

// requestsFor are requests that the conditions of rules distinguish. Those of a network load balancer are all alike.
func requestsFor(l stack.Listener, rules []stack.Rule) []traffic.Request {
	if !isHTTP(l.Protocol) {
		return []traffic.Request{{Port: l.Port}}
	}
	return equality.Requests(l, rules)
}

func union(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

// answer is what a decision of a listener means for a request.
func (c *comparison) answer(s *side, d traffic.Decision, r *traffic.Request) answer {
	a := answer{rule: "any other request"}
	if d.Rule != nil {
		a.rule, a.hosts = stack.ConditionsText(d.Rule.Conditions), hostsOf(d.Rule.Conditions)
	}
	for _, action := range d.Actions {
		if l := loginOf(action); l.strength > 0 {
			a.login = l
		}
	}
	route, ok := d.Routing()
	switch {
	case !ok:
		a.status, a.text = 503, "503"
	case route.Forward != nil:
		a.services = c.servicesOf(s, route.Forward)
		if a.text = strings.Join(a.services, " and "); len(a.services) == 0 {
			a.status, a.text = 503, "503, as no target group has a weight"
		}
		if a.rewrites = rewritten(d, r); a.rewrites != "" {
			a.text += ", " + transformsText(d.Rule)
		}
	case route.FixedResponse != nil:
		a.status, _ = strconv.Atoi(route.FixedResponse.StatusCode) // AWS allows numbers only
		a.text = route.FixedResponse.StatusCode
	case route.Redirect != nil:
		a.status = traffic.RedirectStatus(*route.Redirect)
		a.text = stack.Labels{}.Actions([]stack.Action{route})
	}
	return a
}

// rewritten is the host and path that a target sees if a transform changes them.
func rewritten(d traffic.Decision, r *traffic.Request) string {
	host, path, err := d.Rewrite(r.Host, r.Path)
	switch {
	case err != nil:
		return err.Error()
	case host == r.Host && path == r.Path:
		return ""
	}
	return host + path
}

// transformsText describes the transforms of a rule.
func transformsText(r *stack.Rule) string {
	var out []string
	for _, t := range r.Transforms {
		for _, w := range t.Rewrites {
			out = append(out, fmt.Sprintf("%s %s → %s", t.Type, w.Regex, w.Replace))
		}
	}
	return strings.Join(out, ", ")
}

// servicesOf are the Services to which a forward sends requests, or target groups of which no Service is known.
func (c *comparison) servicesOf(s *side, f *stack.Forward) (out []string) {
	for _, g := range f.TargetGroups {
		if traffic.Weight(g) == 0 {
			continue
		}
		id := cmp.Or(g.TargetGroup.ID, s.groups[g.TargetGroup.Literal])
		out = append(out, cmp.Or(c.services[id], id, stack.Labels{}.Of(g.TargetGroup)))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// loginOf is what an action asks of requests.
func loginOf(a stack.Action) login {
	l := login{strength: 2, text: stack.Labels{}.Actions([]stack.Action{a})}
	session := stack.Session{}
	switch {
	case a.OIDC != nil:
		o := a.OIDC
		by := []string{o.Issuer, o.AuthorizationEndpoint, o.TokenEndpoint, o.UserInfoEndpoint}
		session, l.by = o.Session, strings.Join(by, " ")
	case a.Cognito != nil:
		session, l.by = a.Cognito.Session, a.Cognito.UserPoolARN+" "+a.Cognito.UserPoolClientID
	case a.JWT != nil:
		l.by, l.claims = a.JWT.Issuer+" "+a.JWT.JWKSEndpoint, a.JWT.Claims
		for _, claim := range a.JWT.Claims {
			l.text += fmt.Sprintf(", claim %s %s", claim.Name, strings.Join(claim.Values, " or "))
		}
	default:
		return login{}
	}
	if session.OnUnauthenticated == "allow" {
		l.strength = 1
	}
	return l
}

// differences are the changes of exposure between two answers to the same request.
func differences(a, b answer) (out []Change) {
	add := func(k Kind, by answer, before, after string) {
		out = append(out, Change{Kind: k, Where: by.rule, Hosts: union(a.hosts, b.hosts), Before: before, After: after})
	}
	forwarded := len(b.services) > 0
	switch {
	case b.status >= 500 && a.status < 500:
		add(Fails, a, a.text, b.text)
	case b.status >= 400 && b.status < 500 && len(a.services) > 0:
		add(Unserved, a, a.text, b.text)
	}
	if forwarded && (!within(b.services, a.services) || a.rewrites != b.rewrites) {
		add(Reaches, b, a.text, b.text)
	}
	none := func(l login) string { return cmp.Or(l.text, "no login") }
	switch {
	case !forwarded || len(a.services) == 0:
	case b.login.strength < a.login.strength, b.login.by == a.login.by && !hasClaims(b.login.claims, a.login.claims):
		add(LosesLogin, b, none(a.login), none(b.login))
	case b.login.strength > 0 && b.login.strength == a.login.strength && b.login.by != a.login.by:
		add(ChangesLogin, b, loginBy(a.login), loginBy(b.login))
	}
	return out
}

// loginBy describes a login with who decides.
func loginBy(l login) string { return l.text + " (" + strings.Join(strings.Fields(l.by), ", ") + ")" }

// within reports whether all of some texts are among others.
func within(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// hasClaims reports whether claims ask for all that others ask for: each name, with no further value that passes.
func hasClaims(claims, others []stack.Claim) bool {
	byName := map[string]stack.Claim{}
	for _, c := range claims {
		byName[c.Name] = c
	}
	for _, o := range others {
		if c, ok := byName[o.Name]; !ok || c.Format != o.Format || !within(c.Values, o.Values) {
			return false
		}
	}
	return true
}

// moving follows hosts from load balancer to load balancer over all stacks: for each host the load balancers with their
// names.
type moving struct{ was, is map[string]map[string]string }

// note enters the hosts of a stack.
func (m moving) note(c *comparison) {
	enter := func(into map[string]map[string]string, s *side) {
		for id := range s.balancers {
			for _, host := range s.hosts(id) {
				if into[host] == nil {
					into[host] = map[string]string{}
				}
				into[host][c.of+" "+id] = nameOf(s.balancers[id][0])
			}
		}
	}
	enter(m.was, &c.was)
	enter(m.is, &c.is)
}

// changes are the hosts that no load balancer serves that served them before, while another one does.
func (m moving) changes() (out []Change) {
	for _, host := range slices.Sorted(maps.Keys(m.is)) {
		was, is := m.was[host], m.is[host]
		stays := slices.ContainsFunc(slices.Collect(maps.Keys(was)), func(k string) bool { return is[k] != "" })
		if len(was) == 0 || stays {
			continue
		}
		names := func(of map[string]string) string { return strings.Join(slices.Sorted(maps.Values(of)), ", ") }
		of, _, _ := strings.Cut(slices.Sorted(maps.Keys(is))[0], " ")
		out = append(out, Change{
			Kind: Renames, Of: of, Where: "host " + host, Before: names(was), After: names(is), Hosts: []string{host},
		})
	}
	return out
}
