package stackjson

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestAWebACLOfWAFClassicIsAResourceOfItsOwn(t *testing.T) {
	t.Parallel()
	s := everything()
	s.LoadBalancers[0].AddOns = stack.AddOns{ClassicWebACL: ptr("")}
	text, err := Marshal(s)
	const want = `"AWS::WAFRegional::WebACLAssociation":{"LoadBalancer":{"spec":{"webACLID":"","resourceARN":{"$ref":"#/resources/AWS::ElasticLoadBalancingV2::LoadBalancer/LoadBalancer/status/loadBalancerARN"}}}}`
	if err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%s lacks %s: %v", text, want, err)
	}
	s.LoadBalancers[0].AddOns = stack.AddOns{}
	if text, err = Marshal(s); err != nil || strings.Contains(string(text), "WAFRegional") {
		t.Errorf("although nobody manages it: %s, %v", text, err)
	}
}
