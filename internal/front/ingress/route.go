package ingress

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// useAnnotation is the port name of backends that refer to an actions annotation.
const useAnnotation = "use-annotation"

// path is a path of a rule with its index in the Ingress.
type path struct {
	networkingv1.HTTPIngressPath
	rule, index int
	host        string
}

func (p path) at() string { return fmt.Sprintf("spec.rules[%d].http.paths[%d]", p.rule, p.index) }

// mostUnavailable bounds the routes of an Ingress with too many paths, which answer 503: it is AWS's default quota of
// rules.
const mostUnavailable = 100

// pathsOf counts the paths of an Ingress.
func pathsOf(ing *networkingv1.Ingress) (n int) {
	for _, rule := range ing.Spec.Rules {
		if rule.HTTP != nil {
			n += len(rule.HTTP.Paths)
		}
	}
	return n
}

// excess reports which members of a group have more paths than the group has room for.
func excess(members []member) []bool {
	loads := make([]intent.Load, len(members))
	for i := range members {
		ing := members[i].ingress
		loads[i] = intent.Load{Object: Object(ing), Created: created(ing), Rules: pathsOf(ing)}
		if loads[i].Rules > intent.MaxMemberRules {
			loads[i].Rules = mostUnavailable
		}
	}
	return intent.Excess(loads)
}

// counted reports whether an Ingress has no more paths than a member may have rules, and its group has room for them.
// The paths are counted before anything is built of one.
func (t *translation) counted(m *intent.Member, excess bool) bool {
	if pathsOf(t.ingress) <= intent.MaxMemberRules {
		if excess {
			t.findings.Add(intent.TooManyOfGroup(m.Object, "spec.rules"))
		}
		return !excess
	}
	port := int32(80)
	if len(m.Listeners) > 0 {
		port = m.Listeners[0].Port
	}
	t.findings.Add(intent.TooManyRules(m.Object, "spec.rules", port))
	return false
}

// routes are the desired rules, or the first of them, without those whose targets cannot exist: these are unserved. For
// each rule of the Ingress exact paths come first, then prefixes from long to short, then the others.
func (t *translation) routes(most int) []intent.Route {
	regex := t.lenient(annotation.RegexPathMatch)
	var out []intent.Route
	for i, rule := range t.ingress.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		paths := t.sorted(i, rule)
		for _, p := range paths[:min(len(paths), most)] {
			r, cover := t.route(p, regex)
			for _, conditions := range cover {
				t.unserved = append(t.unserved, intent.Unserved{Route: unavailable(r.Source, conditions), Before: len(out)})
			}
			if len(cover) > 0 {
				continue
			}
			if b, text, remedy := t.withoutEndpoints(r.Actions); b != nil {
				t.unserved = append(t.unserved, intent.Unserved{Route: r, Before: len(out), Path: b.Source.Path(), Text: text,
					Remedy: remedy, Code: diag.NoTargets})
				continue
			}
			out = append(out, r)
		}
		if most -= len(paths); most <= 0 {
			break
		}
	}
	t.noteRegex()
	return out
}

// precedence of path types within one rule. Unknown types come first, so that no other path answers their requests.
var precedence = map[networkingv1.PathType]int{
	networkingv1.PathTypeExact:                  1,
	networkingv1.PathTypePrefix:                 2,
	networkingv1.PathTypeImplementationSpecific: 3,
}

func (t *translation) sorted(i int, rule networkingv1.IngressRule) []path {
	var out []path
	for j, p := range rule.HTTP.Paths {
		one := path{HTTPIngressPath: p, rule: i, index: j, host: rule.Host}
		if precedence[one.pathType()] == 0 {
			t.invalidRule(one.at()+".pathType", fmt.Sprintf("unknown pathType for path %s", p.Path),
				"use Exact, Prefix or ImplementationSpecific")
		}
		out = append(out, one)
	}
	slices.SortStableFunc(out, func(a, b path) int {
		c := cmp.Compare(precedence[a.pathType()], precedence[b.pathType()])
		if c == 0 && a.pathType() == networkingv1.PathTypePrefix {
			return cmp.Compare(len(b.Path), len(a.Path))
		}
		return c
	})
	return out
}

func (p path) pathType() networkingv1.PathType {
	if p.PathType == nil {
		return networkingv1.PathTypeImplementationSpecific
	}
	return *p.PathType
}

// route translates one path. If its conditions are invalid, which is reported, cover are conditions of rules that
// together match at least its requests.
func (t *translation) route(p path, regex bool) (r intent.Route, cover [][]stack.Condition) {
	r.Source = t.here(p.at())
	name := ""
	if p.Backend.Service != nil {
		name = p.Backend.Service.Name
	}
	extra, transforms := t.conditionsOf(name), t.transformsOf(name)
	patterns, expression, problem := p.patterns(regex)
	if problem != "" {
		t.invalidRule(p.at()+".path", problem, "use pathType ImplementationSpecific for paths with wildcards")
	}
	actions := t.backend(&p.Backend, p.at()+".backend")
	if problem != "" || extra.malformed || precedence[p.pathType()] == 0 {
		return r, extra.cover(p.host, patterns, expression)
	}
	if r.Conditions, problem = extra.with(p.host, patterns, expression); problem != "" {
		t.invalidRule(p.at(), problem, "state the host, or the path, either by values or by regular expressions")
		return r, extra.cover(p.host, patterns, expression)
	}
	if transforms != nil {
		r.Authentication, r.Actions = t.authenticated(actions)
		if r.Transforms = *transforms; len(r.Transforms) > 0 {
			t.rewritten[name] = append(t.rewritten[name], r)
		}
	}
	return r, nil
}

// unavailable is a route that answers an error.
func unavailable(source intent.Source, conditions []stack.Condition) intent.Route {
	answer := stack.UnavailableOf(stack.Ingress)[0]
	return intent.Route{Source: source, Conditions: conditions,
		Actions: []intent.Action{{Type: answer.Type, FixedResponse: answer.FixedResponse}}}
}

// patterns are the path patterns of a path, or its regular expression. Of an invalid path, they match at least what it
// may be meant to match.
func (p path) patterns(regex bool) (patterns []string, expression, problem string) {
	kind := p.pathType()
	wild := strings.ContainsAny(p.Path, "*?")
	base := strings.TrimSuffix(p.Path, "/")
	switch {
	case p.Path == "":
		return nil, "", ""
	case kind == networkingv1.PathTypeExact && wild:
		return []string{p.Path}, "", "exact path shouldn't contain wildcards: " + p.Path
	case kind == networkingv1.PathTypePrefix && wild:
		return []string{base, base + "/*"}, "", "prefix path shouldn't contain wildcards: " + p.Path
	case kind == networkingv1.PathTypePrefix && p.Path == "/":
		return []string{"/*"}, "", ""
	case kind == networkingv1.PathTypePrefix:
		return []string{base, base + "/*"}, "", ""
	case precedence[kind] == 0:
		if regex {
			expression = p.Path[1:]
		}
		return slices.Compact([]string{p.Path, cmp.Or(base, "/"), base + "/*"}), expression, ""
	case kind == networkingv1.PathTypeImplementationSpecific && regex:
		return nil, p.Path[1:], ""
	}
	return []string{p.Path}, "", ""
}

func (t *translation) invalidRule(at, text, remedy string) {
	t.findings.Add(diag.New(Object(t.ingress), at, diag.InvalidRule, text, remedy))
}

// backend makes the actions of a backend; nil if it is invalid, which is reported.
func (t *translation) backend(b *networkingv1.IngressBackend, at string) []intent.Action {
	switch {
	case b.Service == nil:
		t.invalidRule(at, `missing required "service" field`,
			"name a Service and a port; resource backends are not supported")
		return nil
	case b.Service.Port.Name == useAnnotation:
		return t.annotated(b.Service.Name, at)
	}
	written := b.Service.Port.Name
	if written == "" {
		written = fmt.Sprint(b.Service.Port.Number)
	}
	return t.forward(forward{tuples: []tuple{{service: b.Service.Name, port: written}}, at: at})
}

// answer503 notes a missing object that the configuration tolerates, and returns the response in place of it.
func (t *translation) answer503(at, text, remedy, body string) []intent.Action {
	d := diag.New(Object(t.ingress), at, diag.ServiceMissing, text+"; requests for this backend get 503", remedy)
	d.Class = diag.Note
	t.findings.Add(d)
	return []intent.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
		StatusCode: "503", ContentType: "text/plain", MessageBody: body,
	}}}
}
