package traffic

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestTraceNamesFirstFailedCondition(t *testing.T) {
	t.Parallel()
	one := func(order int32, cs ...stack.Condition) stack.Rule {
		return stack.Rule{ID: fmt.Sprint(order), Order: order, Conditions: cs}
	}
	m, err := NewMatcher([]stack.Rule{
		one(9, stack.Condition{Field: stack.PathPattern, Values: []string{"/*"}}),
		one(1, stack.Condition{Field: stack.HostHeader, Values: []string{"b.example.com"}}, stack.Condition{
			Field: stack.PathPattern, Values: []string{"/none"}}),
		one(2, stack.Condition{Field: stack.HostHeader, Values: []string{"a.example.com"}}, stack.Condition{
			Field: stack.PathPattern, Values: []string{"/none"}}),
		one(3, stack.Condition{Field: stack.HTTPHeader, HeaderName: "X-Env", Values: []string{"prod"}}),
		one(4, stack.Condition{Field: stack.HTTPHeader, HeaderName: "X-None", Values: []string{"prod"}}),
		one(5, stack.Condition{Field: stack.RequestMethod, Values: []string{"POST"}}),
		one(6, stack.Condition{Field: stack.QueryString, Query: []stack.QueryValue{{Key: "a", Value: "2"}}}),
		one(7, stack.Condition{Field: stack.SourceIP, Values: []string{"10.0.0.0/8"}}),
		one(8, stack.Condition{Field: stack.PathPattern, Values: []string{"/x"}}),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := Request{Scheme: "http", Host: "A.example.com:80", Port: 80, Method: "GET", Path: "/%78/../x", RawQuery: "a=1",
		Header: map[string][]string{"X-Env": {"dev", "test"}}, SourceIP: netip.MustParseAddr("192.0.2.1")}
	var got []string
	for _, a := range m.Trace(&r) {
		failed := "matches"
		if a.Failed != nil {
			failed = fmt.Sprintf("%s %q", a.Failed.Field, a.Got)
		}
		got = append(got, a.Rule.ID+" "+failed)
	}
	want := []string{
		`1 host-header "a.example.com"`, `2 path-pattern "/x"`, `3 http-header "dev, test"`, `4 http-header ""`,
		`5 http-request-method "GET"`,
		`6 query-string "a=1"`, `7 source-ip "192.0.2.1"`, "8 matches",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if d := m.Match(&r); d.Rule == nil || d.Rule.ID != "8" {
		t.Errorf("match and trace differ: %+v", d.Rule)
	}
}
