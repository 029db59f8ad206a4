package explain

import (
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// Walk is the way of one request through a listener.
type Walk struct {
	Request  string `json:"request"`
	Listener string `json:"listener,omitempty"`
	// Of is the listener of the Gateway, or of a ListenerSet, that the request is for.
	Of string `json:"gatewayListener,omitempty"`
	// Problem is why the request reaches no rule: there is no listener, or a security group does not admit it.
	Problem string  `json:"problem,omitempty"`
	Tried   []Tried `json:"tried,omitempty"`
	// Result describes the response.
	Result       string  `json:"result,omitempty"`
	TargetGroups []Share `json:"targetGroups,omitempty"`
	// Next is the walk of the request after a redirect, if it is followed.
	Next *Walk `json:"next,omitempty"`
	// Stopped is why a redirect is not followed: it leads in a loop, or away from the load balancer.
	Stopped string `json:"stopped,omitempty"`

	location *url.URL // of a redirect that clients can read
}

// Tried is one rule, in order.
type Tried struct {
	Rule       string `json:"rule"` // "default" for the listener's default actions
	Owner      string `json:"owner,omitempty"`
	Source     string `json:"source,omitempty"`
	Conditions string `json:"conditions"`
	Failed     string `json:"failed,omitempty"` // the first condition that does not hold; empty = the rule matches
}

// Share is a target group that the request may go to.
type Share struct {
	ID     string `json:"id"`
	Chance string `json:"chance"`
	Health string `json:"health,omitempty"` // of its targets, if it is known
}

// ParseRequest parses "METHOD URL", or a URL alone for a GET. headers are "Name: value"; Host overrides the URL's host.
// from is the client's address.
func ParseRequest(text string, headers []string, from netip.Addr) (traffic.Request, error) {
	method, raw, ok := strings.Cut(strings.TrimSpace(text), " ")
	if !ok {
		method, raw = "GET", method
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return traffic.Request{}, fmt.Errorf("request %q: %w", text, err)
	}
	r := traffic.Request{Method: method, Header: map[string][]string{}, SourceIP: from}
	if err := address(&r, u); err != nil {
		return traffic.Request{}, fmt.Errorf("request %q: %w", text, err)
	}
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return traffic.Request{}, fmt.Errorf("header %q: write it as 'Name: value'", h)
		}
		name, value = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header[name] = append(r.Header[name], value)
	}
	return r, nil
}

// address sets the fields of a request that come from a URL: all but method, headers and client. Like clients, it
// leaves the default port out of the host.
func address(r *traffic.Request, u *url.URL) error {
	usual := map[string]int32{"http": 80, "https": 443}[u.Scheme]
	if usual == 0 || u.Hostname() == "" {
		return errors.New("write it as 'GET https://shop.example.com/path'")
	}
	r.Scheme, r.Host, r.Port, r.Path, r.RawQuery = u.Scheme, u.Host, usual, u.EscapedPath(), u.RawQuery
	if r.Path == "" {
		r.Path = "/"
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return fmt.Errorf("port %q: %w", p, errors.Unwrap(err))
		}
		r.Port = int32(n)
	}
	if r.Port == usual {
		r.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	return nil
}

// Ask matches a request against the rules of the load balancer of the input, whose Stack must not be nil.
func Ask(in Input, r traffic.Request) Walk {
	in.Stack = diff.Effective(in.Stack, in.Keep, in.Observed)
	x := explainer{in: in, resolve: map[string]string{}}
	for _, tg := range in.Observed.TargetGroups {
		x.resolve[tg.ID] = tg.ARN
	}
	query := ""
	if r.RawQuery != "" {
		query = "?" + r.RawQuery
	}
	w := Walk{Request: fmt.Sprintf("%s %s://%s%s%s", r.Method, r.Scheme, r.Host, r.Path, query)}
	l, ok := x.listening(r.Port)
	if !ok {
		w.Problem = fmt.Sprintf("no listener on port %d: the connection is refused%s", r.Port, x.ports())
		return w
	}
	w.Listener, w.Of = fmt.Sprintf("%s %d", l.Protocol, l.Port), x.of(r.Host, r.Port)
	if secure := l.Protocol == "HTTPS"; secure != (r.Scheme == "https") {
		w.Problem = fmt.Sprintf("the protocol of port %d is %s, not %s", l.Port, l.Protocol, strings.ToUpper(r.Scheme))
		return w
	}
	if p := x.shut(r); p != "" {
		w.Problem = p
		return w
	}
	m, _ := traffic.NewMatcher(x.rules(l.ID), l.DefaultActions) // a rule with an invalid condition does not match
	for _, a := range m.Trace(&r) {
		w.Tried = append(w.Tried, x.tried(a))
	}
	d := m.Match(&r)
	if d.Rule == nil {
		w.Tried = append(w.Tried, Tried{Rule: "default", Conditions: "any request",
			Source: source(x.origin(stack.KindListener, l.ID), "DefaultActions")})
	}
	x.result(&w, d, r)
	return w
}

func (x *explainer) listening(port int32) (stack.Listener, bool) {
	for _, l := range x.in.Stack.Listeners {
		if l.Port == port && l.LoadBalancer.ID != stack.FrontendIdentity {
			return l, true
		}
	}
	return stack.Listener{}, false
}

func (x *explainer) ports() string {
	var out []string
	for _, l := range x.in.Stack.Listeners {
		if l.LoadBalancer.ID != stack.FrontendIdentity {
			out = append(out, fmt.Sprintf("%s %d", l.Protocol, l.Port))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "; the listeners are " + strings.Join(out, ", ")
}

// shut is why the managed security group does not admit the client; empty if it does, or if that is not known.
func (x *explainer) shut(r traffic.Request) string {
	open := x.openTo(r.Port)
	if open == "" || !r.SourceIP.IsValid() {
		return ""
	}
	for _, o := range strings.Split(open, ", ") {
		p, err := netip.ParsePrefix(o)
		if err != nil || p.Masked().Contains(r.SourceIP.Unmap()) {
			return "" // a prefix list's entries are not known here
		}
	}
	return fmt.Sprintf("the security group admits only %s to port %d, not %s: the connection times out", open,
		r.Port, r.SourceIP)
}

func (x *explainer) tried(a traffic.Attempt) Tried {
	o := x.origin(stack.KindRule, a.Rule.ID)
	t := Tried{Rule: a.Rule.ID, Conditions: stack.ConditionsText(a.Rule.Conditions)}
	for _, owner := range o.Objects {
		t.Owner = owner.String()
	}
	if s, ok := o.Fields["Conditions"]; ok {
		t.Source = s.Path()
	}
	if f := a.Failed; f != nil {
		what := a.Got
		if what == "" {
			what = "absent"
		} else {
			what = strconv.Quote(what)
		}
		t.Failed = fmt.Sprintf("%s is %s, not %s", f.FieldText(), what, f.ValuesText())
	}
	return t
}

func (x *explainer) result(w *Walk, d traffic.Decision, r traffic.Request) {
	w.Result = stack.Labels{}.Actions(d.Actions)
	a, ok := d.Routing()
	switch {
	case !ok:
	case a.Redirect != nil:
		to, err := d.Location(*a.Redirect, &r)
		if err != nil {
			w.Result = "answer 500: " + err.Error()
			return
		}
		w.Result = fmt.Sprintf("answer %d, Location: %s", traffic.RedirectStatus(*a.Redirect), to)
		w.aim(&r, to)
		if before := len(d.Actions); before > 1 {
			w.Result = stack.Labels{}.Actions(d.Actions[:before-1]) + ", then " + w.Result
		}
	case a.Forward != nil:
		x.shares(w, a.Forward)
		uri := r.Path
		if r.RawQuery != "" {
			uri += "?" + r.RawQuery
		}
		host, to, err := d.Rewrite(r.Host, uri)
		switch {
		case err != nil:
			w.Result = "answer 500: " + err.Error()
			w.TargetGroups = nil
		case host != r.Host || to != uri:
			w.Result += fmt.Sprintf(", as %s%s", host, to)
		}
	}
}

// aim records the target of a redirect, or why it is not followed.
func (w *Walk) aim(r *traffic.Request, to string) {
	u, err := location(to)
	if err != nil {
		w.Stopped = err.Error()
		return
	}
	next, err := redirected(r, u)
	switch {
	case err != nil:
		w.Stopped = "leads to a URL that is not HTTP"
	case identity(&next) == identity(r):
		w.Stopped = "leads to the same request again: clients stop at the loop"
	default:
		w.location = u
	}
}

func (x *explainer) shares(w *Walk, f *stack.Forward) {
	total := traffic.TotalWeight(f)
	if total == 0 {
		w.Result = "answer 503: every target group has weight 0"
		return
	}
	for _, t := range f.TargetGroups {
		s := Share{ID: stack.Labels{}.Of(t.TargetGroup),
			Chance: fmt.Sprintf("%.3g%%", 100*float64(traffic.Weight(t))/float64(total))}
		arn := t.TargetGroup.Literal
		if arn == "" {
			arn = x.resolve[t.TargetGroup.ID]
		}
		if x.in.Targets != nil {
			ts, looked := x.in.Targets[arn]
			switch {
			case arn == "":
				s.Health = "not created yet"
			case looked && len(ts) == 0:
				s.Health = "no targets: requests are answered with 503"
			case looked:
				s.Health = health(ts)
			}
		}
		w.TargetGroups = append(w.TargetGroups, s)
	}
}
