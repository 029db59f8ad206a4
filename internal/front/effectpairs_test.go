package front

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// set adds the annotation of a case, with those that it has an effect beside only, to those of an object and of its
// Service.
func (c effectCase) set(own, ofService map[string]string) {
	prefix, key, _ := strings.Cut(c.key, "/")
	for k, v := range beside(key) {
		if _, already := own[prefix+"/"+k]; !already {
			own[prefix+"/"+k] = v
		}
	}
	if c.on == "Service" {
		ofService[c.key] = c.value
	} else {
		own[c.key] = c.value
	}
}

// alike are pairs of which one says what the other says, or what follows from it, by the ends of their keys.
var alike = map[[2]string]bool{
	{"/healthcheck-protocol", "/backend-protocol"}:        true,
	{"-scheme", "-internal"}:                              true,
	{"-internal", "-scheme"}:                              true,
	{"-cross-zone-load-balancing-enabled", "-attributes"}: true,
	{"/wafv2-acl-arn", "/wafv2-acl-name"}:                 true, // TestWebACLByNameBesideARN: AWS is not asked here
}

// alike reports whether a pair needs no finding.
func (c effectCase) alike(other effectCase) bool {
	for pair := range alike {
		if strings.HasSuffix(c.key, pair[0]) && strings.HasSuffix(other.key, pair[1]) {
			return true
		}
	}
	return false
}

// annotated are the annotations of an object and of its Service for some cases.
func annotated(cases ...effectCase) (own, ofService map[string]string) {
	own, ofService = map[string]string{}, map[string]string{}
	for _, c := range cases {
		c.set(own, ofService)
	}
	return own, ofService
}

// TestEachPairHasAnEffectOrAFinding sets each annotation that has an effect beside each other one: it has an effect
// there, too, or a finding says that it has none.
func TestEachPairHasAnEffectOrAFinding(t *testing.T) {
	t.Parallel()
	kind := func(c effectCase) string { return strings.Replace(c.on, "Service", "Ingress", 1) }
	cases, tried, chosen := effectCases(), 0, sample.OneOf(40)
	for _, c := range cases {
		_, key, _ := strings.Cut(c.key, "/")
		for _, other := range cases {
			if unseenHere[key] != "" || other.key == c.key || kind(other) != kind(c) || c.alike(other) || !chosen.Next() {
				continue
			}
			own, ofService := annotated(c, other)
			if own[c.key] == c.value && ofService[c.key] == c.value { // the other one needs it, too
				continue
			}
			with, of := maps.Clone(own), maps.Clone(ofService)
			if c.on == "Service" {
				delete(ofService, c.key)
			} else {
				delete(own, c.key)
			}
			without, found := effectOf(t, kind(c), own, ofService)
			if strings.Contains(without, `"Stack":null`) || slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
				return d.Class != diag.Note
			}) {
				continue
			}
			now, found := effectOf(t, kind(c), with, of)
			tried++
			if now == without && !slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
				return strings.Contains(d.Path+d.Text, c.key) || d.Code == diag.HiddenRule
			}) {
				t.Errorf("%s %s=%q beside %s %s=%q has no effect and no finding", c.on, c.key, c.value, other.on, other.key,
					other.value)
			}
		}
	}
	if tried < 200 {
		t.Errorf("%d pairs", tried)
	}
}
