package rules

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestNewcomerComesAfterWithAnyCondition has a newcomer of a namespace that sorts first declare rules that match
// requests of a member of another one, in every way that conditions have to write them.
func TestNewcomerComesAfterWithAnyCondition(t *testing.T) {
	t.Parallel()
	host := func(values ...string) stack.Condition {
		return stack.Condition{Field: stack.HostHeader, Values: values}
	}
	path := func(values ...string) stack.Condition {
		return stack.Condition{Field: stack.PathPattern, Values: values}
	}
	for name, c := range map[string]struct {
		mine  []stack.Condition
		first bool // no request matches both
	}{
		"the same":                 {mine: []stack.Condition{host("shop.example.com"), path("/cart")}},
		"capital letters":          {mine: []stack.Condition{host("SHOP.Example.com"), path("/cart")}},
		"a wildcard for the label": {mine: []stack.Condition{host("*.example.com"), path("/cart")}},
		"a wildcard for a letter":  {mine: []stack.Condition{host("sho?.example.com"), path("/cart")}},
		"a wildcard in the middle": {mine: []stack.Condition{host("s*m"), path("/cart")}},
		"a wildcard for all":       {mine: []stack.Condition{host("*"), path("*")}},
		"one host of several":      {mine: []stack.Condition{host("a.test", "b.test", "SHOP.example.com"), path("/cart")}},
		"a regular expression":     {mine: []stack.Condition{{Field: stack.HostHeader, Regex: []string{"^shop[.].*$"}}}},
		"a regular path":           {mine: []stack.Condition{{Field: stack.PathPattern, Regex: []string{"^/c.*$"}}}},
		"no host":                  {mine: []stack.Condition{path("/cart")}},
		"no path":                  {mine: []stack.Condition{host("shop.example.com")}},
		"a longer path":            {mine: []stack.Condition{host("shop.example.com"), path("/cart/checkout")}},
		"a path with a wildcard":   {mine: []stack.Condition{host("shop.example.com"), path("/c?rt/*")}},
		"a header only": {mine: []stack.Condition{{Field: stack.HTTPHeader, HeaderName: "Cookie", Values: []string{
			"*"}}}},
		"a query only": {mine: []stack.Condition{{Field: stack.QueryString, Query: []stack.QueryValue{
			{Key: "a", Value: "*"}}}}},
		"a source only":             {mine: []stack.Condition{{Field: stack.SourceIP, Values: []string{"0.0.0.0/0"}}}},
		"a method only":             {mine: []stack.Condition{{Field: stack.RequestMethod, Values: []string{"GET"}}}},
		"another host":              {mine: []stack.Condition{host("blog.example.com"), path("/cart")}, first: true},
		"another path":              {mine: []stack.Condition{host("shop.example.com"), path("/blog")}, first: true},
		"a path of another capital": {mine: []stack.Condition{host("shop.example.com"), path("/Cart")}, first: true},
	} {
		member := func(index int, namespace string, conditions ...stack.Condition) Member {
			o := diag.Object{Kind: "Ingress", Namespace: namespace, Name: "web"}
			return Member{Index: index, Object: o, Routes: []*intent.Route{
				{Source: intent.At(o, namespace), Conditions: conditions}}}
		}
		victim := member(1, "shop", host("shop.example.com"), path("/cart", "/cart/*"))
		mal := member(0, "aaa", c.mine...)
		mal.Rank = 1
		l := Listener{Members: []Member{mal, victim}, Arrival: []int{1, 0}, Note: func(int, diag.Diagnostic) {}}
		if got := l.Order()[0].Member == 0; got != c.first {
			t.Errorf("%s: the newcomer's rule comes first: %t", name, got)
		}
	}
}
