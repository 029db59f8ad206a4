package annotation

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestUnknownMembersOfJSONAreNoted(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"a","servicePort":80}]}}`: "",
		`{"Type":"forward","ForwardConfig":{"TargetGroups":[{"ServiceName":"a"}]}}`:                  "",
		`{"type":"forward","foo":1}`:                                      "foo of annotation",
		`{"forwardConfig":{"targetGroups":[{"wieght":1}]}}`:               "forwardConfig.targetGroups[0].wieght of annotation",
		`{"forwardConfig":{"targetGroupStickinessConfig":{"durtion":1}}}`: "targetGroupStickinessConfig.durtion of annotation",
	} {
		f := &Findings{}
		k := Actions.For("a")
		Unmarshal[Action](NewReader(f, web, map[string]string{string(k): value}), k)
		found := f.List()
		if (want == "") != (len(found) == 0) || want != "" && (found[0].Code != diag.IgnoredSetting ||
			!strings.Contains(found[0].Text, want)) {
			t.Errorf("%s: %v, want %q", value, found, want)
		}
	}
}

func TestUnknownMembersGetAdvice(t *testing.T) {
	t.Parallel()
	f := &Findings{}
	k := Actions.For("a")
	Unmarshal[Action](NewReader(f, web, map[string]string{string(k): `{"forwardConfg":{}}`}), k)
	if found := f.List(); len(found) != 1 || !strings.Contains(found[0].Remedy, "forwardconfig") {
		t.Error(found)
	}
}

func TestTwoValuesOfOneKeyAreNoted(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int{"a=b,c=d": 0, "a=b,a=b": 0, "a=b,a=c": 1} {
		f := &Findings{}
		NewReader(f, web, map[string]string{string(Tags): value}).Map(Tags)
		if n := len(f.List()); n != want {
			t.Errorf("%s: %v", value, f.List())
		}
	}
}

func TestEmptyAnnotationsAreNoted(t *testing.T) {
	t.Parallel()
	for key, n := range map[Key]map[string]int{InboundCIDRs: {"": 1, " , ": 1, "10.0.0.0/8": 0}, HealthCheckPath: {"": 0},
		Conditions.For("a"): {"[]": 1}, "example.com/a": {"": 0}, ServiceScheme: {"": 0}} {
		for value, want := range n {
			f := &Findings{}
			CheckEmpty(f, web, OnIngress, map[string]string{string(key): value})
			if len(f.List()) != want {
				t.Errorf("%s %q: %v", key, value, f.List())
			}
		}
	}
}
