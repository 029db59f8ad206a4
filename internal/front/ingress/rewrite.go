package ingress

import (
	"fmt"
	"maps"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// noteRewrites notes transforms that change no request: their regular expression matches none of the paths or hosts
// that have them, or the answers of these come from the load balancer. A single path without effect is no mistake:
// all paths with one Service have the same transforms.
func (t *translation) noteRewrites() {
	for _, service := range slices.Sorted(maps.Keys(t.rewritten)) {
		routes, k := t.rewritten[service], annotation.Transforms.For(service)
		if !slices.ContainsFunc(routes, func(r intent.Route) bool { return !answered(r.Actions) }) {
			t.read.Ignored(k, fmt.Sprintf("annotation %s has no effect: the load balancer itself answers the requests of its "+
				"paths, with a fixed response", k), "remove the annotation")
			continue
		}
		for i, transform := range routes[0].Transforms {
			of := subjects[transform.Type]
			for _, rewrite := range transform.Rewrites {
				if slices.ContainsFunc(routes, func(r intent.Route) bool { return of.mayMatch(rewrite.Regex, r.Conditions) }) {
					continue
				}
				t.read.Note(k, diag.IgnoredSetting, fmt.Sprintf("transform %d has no effect: regular expression %s matches no %s "+
					"of the rules with Service %s", i, rewrite.Regex, of.what, service), of.remedy)
			}
		}
	}
}

// answered reports whether a fixed response ends the actions of a route.
func answered(actions []intent.Action) bool {
	return len(actions) > 0 && actions[len(actions)-1].Type == stack.ActionFixedResponse
}

// subject is what the regular expression of a transform is applied to.
type subject struct {
	what      string
	remedy    string
	condition stack.ConditionField // about the text
	begins    string               // each text, whatever the conditions say
	follows   byte                 // may follow the text of a condition
	fold      bool                 // conditions ignore case
}

// subjects are those of the types of transforms: a path with its query, and the Host header with its port.
var subjects = map[string]subject{
	"url-rewrite": {what: "path", condition: stack.PathPattern, begins: "/", follows: '?',
		remedy: "correct the expression: ELB applies it to path and query, such as /api/items?page=2"},
	"host-header-rewrite": {what: "host", condition: stack.HostHeader, follows: ':', fold: true,
		remedy: "correct the expression: ELB applies it to the Host header, such as app.example.com"},
}

// mayMatch reports whether a regular expression matches some request that meets conditions, or may do so. Only what
// such an expression begins with is compared.
func (s subject) mayMatch(expression string, conditions []stack.Condition) bool {
	head, anchored := beginning(expression)
	if !anchored {
		return true
	}
	patterns := []string{s.begins + "*"}
	for _, c := range conditions {
		switch {
		case c.Field != s.condition:
		case len(c.Regex) > 0:
			return true
		default:
			patterns = c.Values
		}
	}
	return slices.ContainsFunc(patterns, func(pattern string) bool { return s.mayBegin(pattern, head) })
}

// mayBegin reports whether a text that a pattern matches may begin with head.
func (s subject) mayBegin(pattern, head string) bool {
	literal, whole := pattern, true
	if at := strings.IndexAny(pattern, "*?"); at >= 0 {
		literal, whole = pattern[:at], false
	}
	if whole && len(head) > len(literal) && head[len(literal)] != s.follows {
		return false
	}
	n := min(len(literal), len(head))
	return literal[:n] == head[:n] || s.fold && strings.EqualFold(literal[:n], head[:n])
}

// beginning returns the text with which each match of a regular expression begins; anchored is false if a match may
// begin anywhere, or if it is not known. ELB's expressions have more than Go's; what Go cannot read is not known.
func beginning(expression string) (head string, anchored bool) {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return "", false
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return "", false
	}
	var text strings.Builder
	for at := program.Start; ; at = int(program.Inst[at].Out) {
		switch i := &program.Inst[at]; {
		case i.Op == syntax.InstNop, i.Op == syntax.InstCapture:
		case i.Op == syntax.InstEmptyWidth && syntax.EmptyOp(i.Arg) == syntax.EmptyBeginText && text.Len() == 0:
			anchored = true
		case i.Op == syntax.InstRune1 && anchored:
			text.WriteRune(i.Rune[0])
		default:
			return text.String(), anchored
		}
	}
}
