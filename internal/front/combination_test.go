package front

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// scenes are the annotations, without their prefix, of objects of different constructions: by type of target, protocol,
// scheme and address type.
var scenes = map[string][]map[string]string{
	"Ingress": {
		{}, {"target-type": "ip"}, {"target-type": "instance"},
		{"listen-ports": `[{"HTTPS":443}]`, "certificate-arn": accountCertificate},
		{"listen-ports": `[{"HTTPS":443}]`, "certificate-arn": accountCertificate, "backend-protocol-version": "GRPC"},
		{"backend-protocol": "HTTPS"}, {"scheme": "internal"},
		{"healthcheck-protocol": "HTTPS", "healthcheck-port": "8443"}, {"group.name": "shared"},
		{"enable-frontend-nlb": "true"},
	},
	"NLB": {
		{}, {"nlb-target-type": "ip"}, {"nlb-target-type": "instance"},
		{"ssl-cert": accountCertificate}, {"ssl-cert": accountCertificate, "backend-protocol": "ssl"},
		{"scheme": "internal"}, {"scheme": "internet-facing"},
		{"healthcheck-protocol": "http"}, {"healthcheck-protocol": "tcp"},
		{"disable-nlb-sg": "true"}, {"group-name": "shared"},
	},
}

// asBefore are values that scenes have already, by key and protocol or scheme.
var asBefore = map[string]bool{"healthcheck-protocol HTTPS": true, "aws-load-balancer-internal internet-facing": true,
	"aws-load-balancer-scheme internal": true}

// TestEachCombinationHasAnEffectOrAFinding sets each annotation on objects of each construction.
func TestEachCombinationHasAnEffectOrAFinding(t *testing.T) {
	t.Parallel()
	for _, c := range effectCases() {
		on := c.on
		if on == "Service" {
			on = "Ingress"
		}
		for _, scene := range scenes[on] {
			combination(t, c, on, scene)
		}
	}
}

func combination(t *testing.T, c effectCase, on string, scene map[string]string) {
	t.Helper()
	prefix := map[string]string{"Ingress": ofALB, "NLB": ofNLB + "aws-load-balancer-"}[on]
	base := map[string]string{}
	for k, v := range scene {
		base[prefix+k] = v
	}
	_, key, _ := strings.Cut(c.key, "/")
	if _, own := base[c.key]; own || unseenHere[key] != "" || asBefore[key+" "+scene["backend-protocol"]+scene["scheme"]] {
		return
	}
	without, _ := effectOf(t, c.on, maps.Clone(base), nil)
	with, ofService := maps.Clone(base), map[string]string(nil)
	if c.on == "Service" {
		ofService = map[string]string{c.key: c.value}
	} else {
		with[c.key] = c.value
	}
	now, found := effectOf(t, c.on, with, ofService)
	told := slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
		return strings.Contains(d.Path+d.Text, c.key) || d.Code == diag.HiddenRule // a redirect to itself
	})
	if now == without && !told {
		t.Errorf("%s %s=%q beside %v has no effect and no finding", c.on, c.key, c.value, scene)
	}
}
