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
	"github.com/k8s-lbc/lbc/internal/model/overlap"
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
				head, anchored := beginning(rewrite.Regex)
				if !anchored || slices.ContainsFunc(routes, func(r intent.Route) bool { return of.mayMatch(head, r.Conditions) }) {
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

// mayMatch reports whether a text that begins with head may be that of a request which meets conditions.
func (s subject) mayMatch(head string, conditions []stack.Condition) bool {
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
	literal, _, wild := overlap.Ends(pattern)
	if !wild && len(head) > len(literal) && head[len(literal)] != s.follows {
		return false
	}
	n := min(len(literal), len(head))
	return literal[:n] == head[:n] || s.fold && strings.EqualFold(literal[:n], head[:n])
}

// beginning returns the text with which each match of a regular expression begins; anchored is false if a match may
// begin anywhere, or if it is not known. ELB's expressions have more than Go's; what Go cannot read is not known. The
// expression is not compiled, because a few characters may have a program of thousands of steps.
func beginning(expression string) (head string, anchored bool) {
	re, err := overlap.Parse(expression)
	if err != nil || re == nil {
		return "", false
	}
	var walk func(re *syntax.Regexp) (on bool)
	walk = func(re *syntax.Regexp) bool {
		switch {
		case re.Op == syntax.OpBeginText && head == "":
			anchored = true
			return true
		case re.Op == syntax.OpLiteral && anchored && re.Flags&syntax.FoldCase == 0:
			head += string(re.Rune)
			return true
		case re.Op == syntax.OpCapture, re.Op == syntax.OpConcat:
			return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !walk(sub) })
		}
		return false
	}
	walk(re)
	return head, anchored
}
