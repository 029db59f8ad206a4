// Package canonical decides whether two values mean the same to AWS, even if they are written differently: actions,
// conditions and security group rules as texts, and AWS's defaults. It is pure.
package canonical

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Resolver gives the ARN or group id behind a reference, or a text that equals no ARN when AWS does not hold it yet.
type Resolver func(stack.Ref) string

// Literal returns the Resolver of an observation, whose references are literals.
func Literal(r stack.Ref) string {
	if r.Literal != "" {
		return r.Literal
	}
	return "(" + string(r.Kind) + " " + r.ID + ")"
}

// writer builds canonical texts: two values mean the same to AWS exactly if their texts are equal.
type writer struct{ strings.Builder }

func (w *writer) text(s string) {
	w.WriteString(strconv.Itoa(len(s)))
	w.WriteByte(':')
	w.WriteString(s)
}

func (w *writer) number(n int32) {
	w.WriteString(strconv.Itoa(int(n)))
	w.WriteByte(' ')
}

// Actions returns the canonical text of actions. A stickiness that is not managed is left out on both sides, which is
// what the caller asks for with withStickiness.
func Actions(as []stack.Action, resolve Resolver, withStickiness bool) string {
	var w writer
	for _, a := range as {
		w.text(string(a.Type))
		switch {
		case a.Forward != nil:
			w.forward(a.Forward, resolve, withStickiness)
		case a.Redirect != nil:
			w.redirect(a.Redirect)
		case a.FixedResponse != nil:
			f := a.FixedResponse
			w.text(f.StatusCode)
			w.text(cmp.Or(f.ContentType, "text/plain"))
			w.text(f.MessageBody)
		default:
			w.authentication(a)
		}
	}
	return w.String()
}

func (w *writer) forward(f *stack.Forward, resolve Resolver, withStickiness bool) {
	type member struct {
		arn    string
		weight int32
	}
	members := make([]member, 0, len(f.TargetGroups))
	for _, t := range f.TargetGroups {
		m := member{resolve(t.TargetGroup), 1}
		if t.Weight != nil && len(f.TargetGroups) > 1 { // a single weight says nothing
			m.weight = *t.Weight
		}
		members = append(members, m)
	}
	sort.Slice(members, func(i, j int) bool { return members[i].arn < members[j].arn })
	for _, m := range members {
		w.text(m.arn)
		w.number(m.weight)
	}
	if withStickiness && f.Stickiness != nil && f.Stickiness.Enabled {
		w.WriteByte('s')
		w.number(f.Stickiness.DurationSeconds)
	}
}

func (w *writer) redirect(r *stack.Redirect) {
	w.text(cmp.Or(r.Host, "#{host}"))
	w.text(cmp.Or(r.Path, "/#{path}"))
	w.text(cmp.Or(r.Port, "#{port}"))
	w.text(cmp.Or(r.Protocol, "#{protocol}"))
	w.text(cmp.Or(r.Query, "#{query}"))
	w.text(r.StatusCode)
}

// ManagesStickiness reports whether the wanted actions say anything about the stickiness of a forward.
func ManagesStickiness(as []stack.Action) bool {
	return slices.ContainsFunc(as, func(a stack.Action) bool { return a.Forward != nil && a.Forward.Stickiness != nil })
}

// SameActions reports whether observed actions already are what is wanted.
func SameActions(want, have []stack.Action, resolve Resolver) bool {
	s := ManagesStickiness(want)
	return Actions(want, resolve, s) == Actions(have, Literal, s)
}

// Login returns the login with OIDC that stands in front of the other actions, or nil.
func Login(as []stack.Action) *stack.AuthenticateOIDC {
	for _, a := range as {
		if a.OIDC != nil {
			return a.OIDC
		}
	}
	return nil
}

// StaleSecret reports whether AWS holds another client secret than wanted. An observation knows it as long as this
// process wrote it; else the record of what was written last decides.
func StaleSecret(want, have []stack.Action) bool {
	w, h := Login(want), Login(have)
	switch {
	case w == nil || h == nil || !w.ClientSecret.Known():
		return false
	case h.ClientSecret.Known():
		return !w.ClientSecret.Equal(h.ClientSecret)
	}
	return w.SecretChanged
}

// Conditions returns the canonical text of conditions. All of them must hold, and one value of each: no order has a
// meaning.
func Conditions(cs []stack.Condition) string {
	texts := make([]string, len(cs))
	for i, c := range cs {
		var w writer
		w.text(string(c.Field))
		w.text(strings.ToLower(c.HeaderName))
		w.list('v', inOrder(c.Values))
		w.list('r', inOrder(c.Regex))
		pairs := make([]string, len(c.Query))
		for k, q := range c.Query {
			var p writer
			p.text(q.Key)
			p.text(q.Value)
			pairs[k] = p.String()
		}
		w.list('q', inOrder(pairs))
		texts[i] = w.String()
	}
	sort.Strings(texts)
	return strings.Join(texts, "")
}

// inOrder is a sorted copy; what is sorted is not copied.
func inOrder(vs []string) []string {
	if slices.IsSorted(vs) {
		return vs
	}
	return slices.Sorted(slices.Values(vs))
}

func (w *writer) list(mark byte, vs []string) {
	for _, v := range vs {
		w.WriteByte(mark)
		w.text(v)
	}
}

// Transforms returns the canonical text of transforms.
func Transforms(ts []stack.Transform) string {
	if len(ts) > 1 {
		ts = slices.Clone(ts)
		sort.SliceStable(ts, func(i, j int) bool { return ts[i].Type < ts[j].Type })
	}
	var w writer
	for _, t := range ts {
		w.text(t.Type)
		for _, r := range t.Rewrites {
			w.text(r.Regex)
			w.text(r.Replace)
		}
	}
	return w.String()
}

// PermissionKey returns the identity of an inbound rule, as EC2 sees it: description left out, host bits of ranges
// cleared. It is also the order in which rules are sent.
func PermissionKey(p stack.Permission, resolve func(stack.Ref) string) string {
	from, to := p.FromPort, p.ToPort
	if p.Protocol == "-1" {
		from, to = 0, 0
	}
	key := "IpProtocol: " + p.Protocol + ", FromPort: " + strconv.Itoa(int(from)) + ", ToPort: " + strconv.Itoa(int(to))
	switch {
	case p.CIDR != "":
		return key + ", IpRange: " + canonicalRange(p.CIDR)
	case p.IPv6CIDR != "":
		return key + ", Ipv6Range: " + canonicalRange(p.IPv6CIDR)
	case p.PrefixList != "":
		return key + ", PrefixListId: " + p.PrefixList
	}
	return key + ", UserIdGroupPair: " + resolve(p.Group)
}

func canonicalRange(s string) string {
	out, _ := stack.CanonicalRange(s)
	return out
}

// networking is comparable: nil stays nil; rules of several ports are as one for each, and rules and the sources of
// each are sorted.
func networking(rules []stack.NetworkingRule, resolve Resolver) []string {
	if rules == nil {
		return nil
	}
	out := make([]string, 0, len(rules))
	for _, n := range rules {
		var from []string
		for _, g := range n.FromGroups {
			from = append(from, resolve(g))
		}
		from = append(from, n.FromCIDRs...)
		sort.Strings(from)
		sources := strings.Join(from, ",")
		if len(n.Ports) == 0 {
			out = append(out, sources)
		}
		for _, p := range n.Ports {
			out = append(out, sources+" "+cmp.Or(p.Protocol, "TCP")+" "+p.Port)
		}
	}
	sort.Strings(out)
	return slices.Compact(out)
}

// SameNetworking reports whether the observed rules of a binding already are what is wanted.
func SameNetworking(have, want []stack.NetworkingRule, resolve Resolver) bool {
	h, w := networking(have, Literal), networking(want, resolve)
	return (h == nil) == (w == nil) && slices.Equal(h, w)
}

// authentication writes an action that stands in front of another one. The client secret, which AWS never returns, is
// not part of it.
func (w *writer) authentication(a stack.Action) {
	switch {
	case a.OIDC != nil:
		w.provider(a.OIDC)
		w.text(a.OIDC.ClientID.Reveal())
	case a.Cognito != nil:
		c := a.Cognito
		w.text(c.UserPoolARN)
		w.text(c.UserPoolClientID)
		w.text(c.UserPoolDomain)
		w.session(c.Session)
	case a.JWT != nil:
		w.text(a.JWT.JWKSEndpoint)
		w.text(a.JWT.Issuer)
		for _, c := range a.JWT.Claims {
			w.text(c.Format)
			w.text(c.Name)
			w.list('v', c.Values)
		}
	}
}

// provider writes all of an OIDC action but the client's credentials.
func (w *writer) provider(o *stack.AuthenticateOIDC) {
	for _, s := range []string{o.Issuer, o.AuthorizationEndpoint, o.TokenEndpoint, o.UserInfoEndpoint} {
		w.text(s)
	}
	w.session(o.Session)
}

func (w *writer) session(s stack.Session) {
	w.text(cmp.Or(s.OnUnauthenticated, stack.DefaultOnUnauthenticated))
	w.text(cmp.Or(s.Scope, stack.DefaultScope))
	w.text(cmp.Or(s.Cookie, stack.DefaultSessionCookie))
	w.text(strconv.FormatInt(cmp.Or(s.TimeoutSeconds, stack.DefaultSessionTimeout), 10))
	for _, k := range slices.Sorted(maps.Keys(s.ExtraParams)) {
		w.text(k)
		w.text(s.ExtraParams[k])
	}
}

// Provider returns the canonical text of an OIDC action, without the credentials of the client.
func Provider(o *stack.AuthenticateOIDC) string {
	var w writer
	w.provider(o)
	return w.String()
}
