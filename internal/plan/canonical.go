package plan

import (
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// resolver gives the ARN or group id behind a reference, or a text that equals no ARN when AWS does not hold it yet.
type resolver func(stack.Ref) string

func literal(r stack.Ref) string {
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

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// actionsText is the canonical text of actions. A stickiness that is not managed is left out on both sides, which is
// what the caller asks for with withStickiness.
func actionsText(as []stack.Action, resolve resolver, withStickiness bool) string {
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
			w.text(or(f.ContentType, "text/plain"))
			w.text(f.MessageBody)
		default:
			w.guard(a)
		}
	}
	return w.String()
}

func (w *writer) forward(f *stack.Forward, resolve resolver, withStickiness bool) {
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
	w.text(or(r.Host, "#{host}"))
	w.text(or(r.Path, "/#{path}"))
	w.text(or(r.Port, "#{port}"))
	w.text(or(r.Protocol, "#{protocol}"))
	w.text(or(r.Query, "#{query}"))
	w.text(r.StatusCode)
}

// managesStickiness reports whether the wanted actions say anything about the stickiness of a forward.
func managesStickiness(as []stack.Action) bool {
	return slices.ContainsFunc(as, func(a stack.Action) bool { return a.Forward != nil && a.Forward.Stickiness != nil })
}

// sameActions reports whether observed actions already are what is wanted.
func sameActions(want, have []stack.Action, resolve resolver) bool {
	s := managesStickiness(want)
	return actionsText(want, resolve, s) == actionsText(have, literal, s)
}

// conditionsText is the canonical text of conditions. All of them must hold, and one value of each: no order has a meaning.
func conditionsText(cs []stack.Condition) string {
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

// transformsText is the canonical text of transforms.
func transformsText(ts []stack.Transform) string {
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

// PermissionKey is the identity of an inbound rule, as EC2 sees it: description left out, host bits of ranges cleared.
// It is also the order in which rules are sent.
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
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return s
	}
	return p.Masked().String()
}
