package route

import (
	"cmp"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// drawRoutes are a Gateway with some listeners on port 80 and HTTPRoutes at them. Each rule redirects to a host of its
// own.
func drawRoutes(t *rapid.T) []metav1.Object {
	pick := func(what string, from ...string) string { return rapid.SampledFrom(from).Draw(t, what) }
	g := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "gw"}, Spec: gatewayv1.GatewaySpec{
		GatewayClassName: "alb"}}
	for i, h := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"", "*.test", "a.test", "*.b.test", "x.b.test"}),
		1, 4, rapid.ID).Draw(t, "listeners") {
		l := gatewayv1.Listener{Name: gatewayv1.SectionName(fmt.Sprint("l", i)), Protocol: "HTTP", Port: 80}
		if h != "" {
			l.Hostname = ptr.To(gatewayv1.Hostname(h))
		}
		g.Spec.Listeners = append(g.Spec.Listeners, l)
	}
	out := []metav1.Object{g}
	for i := range rapid.IntRange(1, 4).Draw(t, "routes") {
		r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: fmt.Sprint("r", i), CreationTimestamp: metav1.NewTime(
				time.Unix(int64(rapid.IntRange(1, 3).Draw(t, "age")), 0)),
		}}
		p := gatewayv1.ParentReference{Name: "gw"}
		if rapid.Bool().Draw(t, "one listener") {
			p.SectionName = &g.Spec.Listeners[rapid.IntRange(0, len(g.Spec.Listeners)-1).Draw(t, "listener")].Name
		}
		r.Spec.ParentRefs = append(r.Spec.ParentRefs, p)
		for _, h := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a.test", "c.test", "*.b.test", "x.b.test",
			"*.test", "a.org"}), 0, 3, rapid.ID).Draw(t, "hosts") {
			r.Spec.Hostnames = append(r.Spec.Hostnames, gatewayv1.Hostname(h))
		}
		for j := range rapid.IntRange(1, 3).Draw(t, "rules") {
			var one gatewayv1.HTTPRouteRule
			for range rapid.IntRange(1, 4).Draw(t, "matches") {
				m := gatewayv1.HTTPRouteMatch{Path: &gatewayv1.HTTPPathMatch{
					Type:  ptr.To(gatewayv1.PathMatchType(pick("type", "Exact", "PathPrefix", "PathPrefix"))),
					Value: ptr.To(pick("path", "/", "/a", "/a/b", "/b", "/b/")),
				}}
				if *m.Path.Type == "Exact" {
					m.Path.Value = ptr.To("/" + strings.Trim(*m.Path.Value, "/"))
				}
				if method := pick("method", "", "", "GET", "POST", "PUT"); method != "" {
					m.Method = ptr.To(gatewayv1.HTTPMethod(method))
				}
				if header := pick("header", "", "", "", "1", "2"); header != "" {
					m.Headers = append(m.Headers, gatewayv1.HTTPHeaderMatch{Name: "X-A", Value: header})
				}
				one.Matches = append(one.Matches, m)
			}
			if rapid.IntRange(0, 4).Draw(t, "answer") > 0 { // else there is no backend: 500
				one.Filters = []gatewayv1.HTTPRouteFilter{
					{Type: gatewayv1.HTTPRouteFilterRequestRedirect, RequestRedirect: &gatewayv1.HTTPRequestRedirectFilter{
						Hostname: ptr.To(gatewayv1.PreciseHostname(fmt.Sprintf("to-%d-%d.test", i, j))),
					}}}
			}
			r.Spec.Rules = append(r.Spec.Rules, one)
		}
		out = append(out, r)
	}
	return out
}

// answered is a match of a route that a request has, with what decides whether it comes first.
type answered struct {
	host, own   string
	exact       bool
	path        int
	method      bool
	headers     int
	created     int64
	name        string
	rule, match int
	answer      string
}

func specific(h string) []int {
	if h == "" {
		return []int{0, 0, 0, 0}
	}
	exact := 1
	if strings.HasPrefix(h, "*") {
		exact = 0
	}
	return []int{1, exact, strings.Count(h, "."), len(h)}
}

func matchesHost(pattern, host string) bool {
	suffix, wild := strings.CutPrefix(pattern, "*")
	return pattern == "" || pattern == host || wild && strings.HasSuffix(host, suffix)
}

// oracle is the answer to a request as the Gateway API has it: the most specific listener of the port has the request,
// and of its routes' matches that hold, the most specific one answers.
func oracle(in Input, r traffic.Request) string {
	best := -1
	for i := range in.Listeners.All {
		l := &in.Listeners.All[i]
		if l.Problem == nil && matchesHost(hostnameOf(l), r.Host) &&
			(best < 0 || slices.Compare(specific(hostnameOf(l)), specific(hostnameOf(&in.Listeners.All[best]))) > 0) {
			best = i
		}
	}
	var all []answered
	for _, route := range in.Routes {
		o := route.Object.(*gatewayv1.HTTPRoute)
		for _, d := range route.Decisions {
			for _, a := range d.Attached {
				if a.Listener != best {
					continue
				}
				hosts := []answered{{}}
				if len(a.Hostnames) > 0 {
					hosts = nil
				}
				for _, h := range a.Hostnames {
					if matchesHost(h.Name, r.Host) {
						hosts = append(hosts, answered{host: h.Name, own: h.Own})
					}
				}
				for _, one := range hosts {
					for i := range o.Spec.Rules {
						for j, m := range o.Spec.Rules[i].Matches {
							if !matched(m, r) {
								continue
							}
							one.exact, one.path, one.method, one.headers = *m.Path.Type == "Exact", len(*m.Path.Value), m.Method != nil,
								len(m.Headers)
							one.created, one.name, one.rule, one.match, one.answer = o.CreationTimestamp.Unix(), o.Name, i, j, "500"
							if f := o.Spec.Rules[i].Filters; len(f) > 0 {
								one.answer = string(*f[0].RequestRedirect.Hostname)
							}
							all = append(all, one)
						}
					}
				}
			}
		}
	}
	if len(all) == 0 {
		return "404"
	}
	more := func(a, b bool) int {
		switch {
		case a == b:
			return 0
		case a:
			return -1
		}
		return 1
	}
	return slices.MinFunc(all, func(a, b answered) int {
		return cmp.Or(slices.Compare(specific(b.host), specific(a.host)), slices.Compare(specific(b.own), specific(a.own)),
			more(a.exact, b.exact),
			cmp.Compare(b.path, a.path), more(a.method, b.method), cmp.Compare(b.headers, a.headers),
			cmp.Compare(a.created, b.created), cmp.Compare(a.name, b.name), cmp.Compare(a.rule, b.rule),
			cmp.Compare(a.match, b.match))
	}).answer
}

func matched(m gatewayv1.HTTPRouteMatch, r traffic.Request) bool {
	want := *m.Path.Value
	if trimmed := strings.TrimSuffix(want, "/"); *m.Path.Type == "Exact" && r.Path != want || *m.Path.Type != "Exact" &&
		r.Path != trimmed && !strings.HasPrefix(r.Path, trimmed+"/") {
		return false
	}
	if m.Method != nil && string(*m.Method) != r.Method {
		return false
	}
	return len(m.Headers) == 0 || r.Header["X-A"][0] == m.Headers[0].Value
}

func drawRequest(t *rapid.T) traffic.Request {
	pick := func(what string, from ...string) string { return rapid.SampledFrom(from).Draw(t, what) }
	return traffic.Request{
		Scheme: "http", Port: 80, Host: pick("host", "a.test", "c.test", "x.b.test", "y.b.test", "z.test", "a.org", "b.org"),
		Method: pick("method", "GET", "POST", "PUT", "DELETE"),
		Path:   pick("path", "/", "/a", "/a/b", "/a/b/c", "/ab", "/b", "/b/", "/c"), Header: map[string][]string{
			"X-A": {pick("header", "1", "2", "3")}},
	}
}

// answer is what rules make of a request.
func answer(s *stack.Stack, r traffic.Request) string {
	d := traffic.Match(s.Rules, s.Listeners[0].DefaultActions, r)
	a := d.Actions[len(d.Actions)-1]
	if a.Redirect != nil {
		return a.Redirect.Host
	}
	return a.FixedResponse.StatusCode
}

// TestRulesAnswerAsTheGatewayAPIOrdersMatches compares what AWS makes of the rules, which are joined, split and
// relieved of those that no request reaches, with the order of matches that the Gateway API has.
func TestRulesAnswerAsTheGatewayAPIOrdersMatches(t *testing.T) {
	t.Parallel()
	units, made := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		in := input(t, rule.Standard, drawRoutes(rt))
		s, decided := built(t, in)
		for _, d := range decided {
			units += len(d.Member.Routes)
		}
		made += len(s.Rules)
		for range 25 {
			r := drawRequest(rt)
			if got, want := answer(s, r), oracle(in, r); got != want {
				rt.Fatalf("%s %s%s X-A %s: %s, want %s\n%q", r.Method, r.Host, r.Path, r.Header["X-A"], got, want, textOf(s))
			}
		}
	})
	if made >= units {
		t.Errorf("%d rules of %d matches: nothing was joined", made, units)
	}
}

func textOf(s *stack.Stack) (out []string) {
	for _, r := range s.Rules {
		text := stack.ConditionsText(r.Conditions) + " → " + string(r.Actions[0].Type)
		if r.Actions[0].Redirect != nil {
			text += " " + r.Actions[0].Redirect.Host
		}
		out = append(out, text)
	}
	return out
}

// TestTheOrderOfRoutesDoesNotMatter shuffles them.
func TestTheOrderOfRoutesDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		for _, c := range []rule.Construction{rule.Compatible, rule.Standard} {
			in := input(t, c, drawRoutes(rt))
			want := map[string]Decided{}
			for _, d := range Translate(in) {
				want[d.Member.Object.Name] = d
			}
			rand.New(rand.NewSource(int64(rapid.Int().Draw(rt, "order")))).Shuffle(len(in.Routes), func(i, j int) {
				in.Routes[i],
					in.Routes[j] = in.Routes[j], in.Routes[i]
			})
			got := map[string]Decided{}
			for _, d := range Translate(in) {
				got[d.Member.Object.Name] = d
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				rt.Fatal(diff)
			}
		}
	})
}

// many are a Gateway and routes with as many rules in all, each with a match of its own.
func many(rules int) []metav1.Object {
	out := []metav1.Object{&gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "gw"},
		Spec: gatewayv1.GatewaySpec{
			GatewayClassName: "alb", Listeners: []gatewayv1.Listener{{Name: "http", Protocol: "HTTP", Port: 80}},
		}}}
	for i := 0; i < rules; i += 10 {
		r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("r", i)}}
		r.Spec.ParentRefs, r.Spec.Hostnames = []gatewayv1.ParentReference{{Name: "gw"}}, []gatewayv1.Hostname{
			gatewayv1.Hostname(fmt.Sprintf("h%d.test", i))}
		for j := range min(10, rules-i) {
			r.Spec.Rules = append(r.Spec.Rules, gatewayv1.HTTPRouteRule{
				Matches: []gatewayv1.HTTPRouteMatch{
					{Path: &gatewayv1.HTTPPathMatch{Type: ptr.To(gatewayv1.PathMatchPathPrefix), Value: ptr.To(fmt.Sprint("/p", j))}}},
				BackendRefs: []gatewayv1.HTTPBackendRef{
					{BackendRef: gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{
						Name: "theirs", Kind: ptr.To(gatewayv1.Kind("TargetGroupName"))}}}},
			})
		}
		out = append(out, r)
	}
	return out
}
