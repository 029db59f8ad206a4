// Package equality compares two load balancers: which of many generated requests they answer differently, and which
// settings differ. It generates requests from the conditions of the rules of both sides, so every rule and its
// neighbourhood are tested. It is pure.
package equality

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// Difference is one thing in which the load balancers differ.
type Difference struct {
	What   string `json:"what"` // a request, or a setting
	Before string `json:"before"`
	After  string `json:"after"`
	// Requests is how many of the generated requests have the same difference; 0 for a setting.
	Requests int `json:"requests,omitempty"`
}

// Result is a comparison.
type Result struct {
	Requests    int          `json:"requests"`
	Differences []Difference `json:"differences"`
}

// PortOf is the number of the port of a Service that is written by number or name.
type PortOf func(namespace, service, written string) string

// Compare compares a load balancer with the one that is to take its place. Names and the tags of controllers are not
// compared.
func Compare(before, after *stack.Stack, portOf PortOf) Result {
	a, b := side{before, portOf, map[string]bool{}}, side{after, portOf, map[string]bool{}}
	out := Result{Differences: []Difference{}}
	var answers []Difference
	for _, port := range ports(before, after) {
		x, inA := a.listener(port)
		y, inB := b.listener(port)
		if !inA || !inB {
			answers = append(answers, Difference{What: fmt.Sprintf("listener %d", port), Before: present(inA),
				After: present(inB)})
			continue
		}
		n, d := requests(a, b, x, y)
		out.Requests += n
		answers = append(answers, d...)
	}
	out.Differences = append(append(out.Differences, settings(a, b)...), answers...)
	return out
}

func present(is bool) string {
	if is {
		return "present"
	}
	return "absent"
}

func ports(all ...*stack.Stack) []int32 {
	seen := map[int32]bool{}
	for _, s := range all {
		for _, l := range s.Listeners {
			if l.LoadBalancer.ID == stack.LoadBalancerIdentity {
				seen[l.Port] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// side is one of the two load balancers.
type side struct {
	*stack.Stack
	portOf PortOf
	used   map[string]bool // ports of Services to which requests were forwarded; settings of others do not matter
}

func (s side) listener(port int32) (stack.Listener, bool) {
	i := slices.IndexFunc(s.Listeners, func(l stack.Listener) bool {
		return l.Port == port && l.LoadBalancer.ID == stack.LoadBalancerIdentity
	})
	if i < 0 {
		return stack.Listener{}, false
	}
	return s.Listeners[i], true
}

func (s side) rulesOf(l stack.Listener) (out []stack.Rule) {
	for _, r := range s.Rules {
		if r.Listener.ID == l.ID {
			out = append(out, r)
		}
	}
	return out
}

// service is the port of a Service that a target group serves; ok is false for one of the user.
func (s side) service(g stack.Ref) (text string, ok bool) {
	for _, b := range s.Bindings {
		if b.ID == g.ID {
			return b.Namespace + "/" + b.ServiceName + ":" + s.portOf(b.Namespace, b.ServiceName, b.ServicePort), true
		}
	}
	return "target group " + g.Literal, false
}

// answer describes what a listener does with a request.
func (s side) answer(d traffic.Decision, r *traffic.Request) string {
	var parts []string
	for _, a := range d.Actions {
		switch a.Type {
		case stack.ActionForward:
			parts = append(parts, s.forward(a.Forward))
		case stack.ActionRedirect:
			location, err := d.Location(*a.Redirect, r)
			if err != nil {
				location = err.Error()
			}
			parts = append(parts, fmt.Sprintf("%d to %s", traffic.RedirectStatus(*a.Redirect), location))
		case stack.ActionFixedResponse:
			f := a.FixedResponse
			text := f.StatusCode
			if f.MessageBody != "" {
				text += fmt.Sprintf(" %q", f.MessageBody)
			}
			if f.ContentType != "" && f.ContentType != "text/plain" {
				text += " as " + f.ContentType
			}
			parts = append(parts, text)
		case stack.ActionAuthenticateOIDC:
			o := a.OIDC
			parts = append(parts, fmt.Sprintf("login at %s %s %s %s with %s %v, then", o.Issuer, o.AuthorizationEndpoint,
				o.TokenEndpoint, o.UserInfoEndpoint, o.SecretName, o.Session))
		case stack.ActionAuthenticateCognito:
			parts = append(parts, fmt.Sprintf("login at %s %s %s %v, then", a.Cognito.UserPoolARN, a.Cognito.UserPoolClientID,
				a.Cognito.UserPoolDomain, a.Cognito.Session))
		case stack.ActionValidateJWT:
			parts = append(parts, fmt.Sprintf("token of %s %s %v, then", a.JWT.Issuer, a.JWT.JWKSEndpoint, a.JWT.Claims))
		}
	}
	if action, ok := d.Routing(); ok && action.Type == stack.ActionForward {
		host, uri, err := d.Rewrite(r.Host, uriOf(r))
		switch {
		case err != nil:
			parts = append(parts, "rewritten wrongly")
		case host != r.Host || uri != uriOf(r):
			parts = append(parts, "as "+host+uri)
		}
	}
	return strings.Join(parts, " ")
}

func uriOf(r *traffic.Request) string {
	if r.RawQuery == "" {
		return r.Path
	}
	return r.Path + "?" + r.RawQuery
}

// forward is the share of each target of a forward, in a normal form.
func (s side) forward(f *stack.Forward) string {
	total := traffic.TotalWeight(f)
	shares := map[string]int{}
	for _, g := range f.TargetGroups {
		name, _ := s.service(g.TargetGroup)
		s.used[name] = true
		shares[name] += traffic.Weight(g)
	}
	if total == 0 {
		return "503, because all weights are 0"
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(shares)) {
		switch {
		case shares[name] == total:
			out = append(out, name)
		case shares[name] > 0:
			out = append(out, fmt.Sprintf("%s (%d of %d)", name, shares[name]/gcd(total, shares[name]),
				total/gcd(total, shares[name])))
		}
	}
	text := strings.Join(out, ", ")
	if f.Stickiness != nil && f.Stickiness.Enabled && len(out) > 1 {
		text += fmt.Sprintf(" sticky for %d s", f.Stickiness.DurationSeconds)
	}
	return text
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// requests compares what the listeners of a port do with generated requests.
func requests(a, b side, x, y stack.Listener) (n int, out []Difference) {
	mine, yours := a.rulesOf(x), b.rulesOf(y)
	before, _ := traffic.NewMatcher(mine, x.DefaultActions)
	after, _ := traffic.NewMatcher(yours, y.DefaultActions)
	all := Requests(x, slices.Concat(mine, yours))
	at := map[[2]string]int{}
	for i := range all {
		r := &all[i]
		was, is := a.answer(before.Match(r), r), b.answer(after.Match(r), r)
		if was == is {
			continue
		}
		k := [2]string{was, is}
		if j, ok := at[k]; ok {
			out[j].Requests++
			continue
		}
		at[k] = len(out)
		out = append(out, Difference{What: Text(r), Before: was, After: is, Requests: 1})
	}
	return len(all), out
}

// Text describes a request.
func Text(r *traffic.Request) string {
	out := fmt.Sprintf("%s %s://%s:%d%s", r.Method, r.Scheme, r.Host, r.Port, uriOf(r))
	for _, k := range slices.Sorted(maps.Keys(r.Header)) {
		out += fmt.Sprintf(" %s: %s", k, strings.Join(r.Header[k], ", "))
	}
	if r.SourceIP.IsValid() && r.SourceIP != elsewhere {
		out += " from " + r.SourceIP.String()
	}
	return out
}
