package annotation

import (
	"slices"
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

// TestMembersDeclaredTwiceAreNoted has JSON values of which the last member of a name counts.
func TestMembersDeclaredTwiceAreNoted(t *testing.T) {
	t.Parallel()
	for _, of := range []struct {
		key         Key
		value, path string
		code        diag.Code
	}{
		{Actions.For("a"), `{"type":"redirect","type":"forward"}`, "has type more", diag.IgnoredSetting},
		{Actions.For("a"), `{"type":"forward","forwardConfig":{"targetGroups":[{"weight":1},{"weight":1,"weight":2}]}}`,
			"has forwardConfig.targetGroups[1].weight more", diag.IgnoredSetting},
		{Actions.For("a"), `{"type":"forward","targetGroupARN":"a"}`, "", ""},
		{MutualAuthentication, `[{"port":443,"mode":"verify","mode":"off"}]`, "has [0].mode more", diag.GuardNotApplied},
	} {
		f := &Findings{}
		r := NewReader(f, web, map[string]string{string(of.key): of.value})
		if of.key == MutualAuthentication {
			Unmarshal[[]struct {
				Port int32  `json:"port"`
				Mode string `json:"mode"`
			}](r, of.key)
		} else {
			Unmarshal[Action](r, of.key)
		}
		twice := slices.DeleteFunc(f.List(), func(d diag.Diagnostic) bool { return !strings.Contains(d.Text, "more than once") })
		if of.path == "" && len(twice) > 0 || of.path != "" && (len(twice) != 1 || twice[0].Code != of.code ||
			!strings.Contains(twice[0].Text, of.path)) {
			t.Errorf("%s: %v, want %q", of.value, twice, of.path)
		}
	}
}

func TestUnknownMembersGetAdvice(t *testing.T) {
	t.Parallel()
	f := &Findings{}
	k := Actions.For("a")
	Unmarshal[Action](NewReader(f, web, map[string]string{string(k): `{"forwardConfg":{}}`}), k)
	if found := f.List(); len(found) != 1 || !strings.Contains(found[0].Remedy, "forwardConfig") {
		t.Error(found)
	}
}

// TestMisplacedMembersAreToldOnce has members of an action outside of the field that they belong into: a valid value has a
// note, an invalid one a single finding.
func TestMisplacedMembersAreToldOnce(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`{"type":"forward","targetGroups":[]}`:                 "move it into forwardConfig",
		`{"type":"forward","serviceName":"a"}`:                 "move it into forwardConfig.targetGroups",
		`{"type":"redirect","statusCode":"HTTP_301"}`:          "move it into fixedResponseConfig or redirectConfig",
		`{"type":"forward","forwardConfg":{}}`:                 "did you mean forwardConfig?",
		`{"type":"forward","forwardConfig":{},"enabled":true}`: "move it into forwardConfig.targetGroupStickinessConfig",
	} {
		f := &Findings{}
		k := Actions.For("a")
		r := NewReader(f, web, map[string]string{string(k): value})
		for range 2 { // for each path that names it
			Unmarshal[Action](r, k)
		}
		if found := f.List(); len(found) != 1 || found[0].Class != diag.Note || !strings.Contains(found[0].Remedy, want) {
			t.Errorf("%s: %v, want %q", value, found, want)
		}
		for range 2 {
			Unmarshal[Action](r, k)
			r.Invalid(k, "the action is invalid", "")
		}
		if found := f.List(); len(found) != 1 || found[0].Class == diag.Note || !strings.Contains(found[0].Text, want) {
			t.Errorf("%s, invalid: %v, want %q", value, found, want)
		}
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
	for key, want := range map[Key]diag.Code{InboundCIDRs: diag.GuardNotApplied, WebACLARN: diag.GuardNotApplied,
		Tags: diag.IgnoredSetting, DryRun: diag.IgnoredSetting} {
		f := &Findings{}
		if CheckEmpty(f, web, OnIngress, map[string]string{string(key): ""}); len(f.List()) != 1 || f.List()[0].Code != want {
			t.Errorf("%s: %v", key, f.List())
		}
	}
}

func TestEndOfProtectionCountsWithoutAFrontend(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"deletion_protection.enabled=true": true,
		"deletion_protection.enabled=false": false, "load_balancing.cross_zone.enabled=true": true} {
		f := &Findings{}
		NewReader(f, diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}, map[string]string{
			string(Frontend): "false", string(FrontendAttributes): value}).NoteUnneeded()
		if noted := len(f.List()) > 0; noted != want {
			t.Errorf("%s: %v", value, f.List())
		}
	}
}
