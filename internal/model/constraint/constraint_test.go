package constraint

import (
	"reflect"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestAttributeOfOtherKindNamesItsPlace(t *testing.T) {
	t.Parallel()
	group := Subject{Kind: TargetGroup, Protocol: "TCP", TargetType: stack.TargetIP}
	r := OfAttribute(group, "tcp.idle_timeout.seconds", "350")
	if r.Problem != "tcp.idle_timeout.seconds is not an attribute of a target group" ||
		r.Remedy != "set it among the listener attributes (listener-attributes.PROTOCOL-PORT), or remove it" || r.Unfit {
		t.Errorf("%+v", r)
	}
	if r = OfAttribute(group, "slow_start.duration_seconds", "30"); !r.Unfit {
		t.Errorf("%+v", r)
	}
}

func TestCoverHoldsForTheRequestsOfRefusedConditions(t *testing.T) {
	t.Parallel()
	host := stack.Condition{Field: stack.HostHeader, Values: []string{"a.example.com"}}
	for name, c := range map[string]struct {
		in, want []stack.Condition
	}{
		"a path": {[]stack.Condition{host, {Field: stack.PathPattern, Values: []string{"/files|old", "/x*"}}},
			[]stack.Condition{host, {Field: stack.PathPattern, Regex: []string{`^/files\|old$`, "^/x.*$"}}}},
		"a host": {[]stack.Condition{{Field: stack.HostHeader, Values: []string{"a_b.test"}}}, []stack.Condition{
			{Field: stack.HostHeader, Regex: []string{`^a_b\.test$`}}}},
		"a method": {[]stack.Condition{host, {Field: stack.RequestMethod, Values: []string{"get"}}}, []stack.Condition{host}},
		"a long path": {[]stack.Condition{{Field: stack.PathPattern, Values: []string{"/" + long(128)}}},
			[]stack.Condition{{Field: stack.PathPattern, Regex: []string{"^/" + long(60) + ".{7}" + long(61) + "$"}}}},
		"a long host": {[]stack.Condition{{Field: stack.HostHeader, Values: []string{"*." + long(126) + ".test"}}},
			[]stack.Condition{{Field: stack.HostHeader, Regex: []string{`^.*\.` + long(57) + ".{15}" + long(54) +
				`\.test$`}}}},
		"wildcards only": {[]stack.Condition{{Field: stack.PathPattern, Values: []string{strings.Repeat("a*", 65)}}}, nil},
		"nothing":        {[]stack.Condition{{Field: stack.HostHeader, Regex: []string{""}}}, nil},
		"a pattern":      {[]stack.Condition{{Field: stack.PathPattern, Regex: []string{"^/(a"}}}, nil},
	} {
		got, ok := Cover(c.in)
		if !ok {
			got = nil
		}
		if !reflect.DeepEqual(got, c.want) || ok && OfConditions(got) != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func long(n int) string { return strings.Repeat("a", n) }
