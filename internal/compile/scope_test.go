package compile_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestTheNameOfABackendDoesNotDecideWhatAMistakeCosts names backends as settings are named whose mistakes cost less, or
// more, than those of a route.
func TestTheNameOfABackendDoesNotDecideWhatAMistakeCosts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"backend", "frontend-nlb", "my-certificate-arn", "create-acm-cert", "wafv2-acl-arn",
		"auth-idp", "scheme"} {
		for _, family := range []string{"conditions", "actions", "transforms"} {
			t.Run(family+"."+name, func(t *testing.T) {
				t.Parallel()
				key := family + "." + name
				sound, target := notes{key: "[]"}, "80"
				if family == "actions" {
					sound, target = notes{key: `{"type":"fixed-response","fixedResponseConfig":{"statusCode":"200"}}`},
						"use-annotation"
				}
				path := "a.example.com Prefix /x " + name + ":" + target
				around := append(surroundings(), offer(name, port("http", intstr.FromInt32(8080), 30080)),
					ing("other", notes{"group.name": "team"}, "b.example.com Prefix /y web:80"))
				member := func(n notes) []any {
					n["group.name"] = "team"
					return append(around[:len(around):len(around)], ing("member", n, path))
				}
				s := scenario{Account: "lab", before: member(sound)}
				before, now := s.run(t, s.before), s.run(t, member(notes{key: "{"}))
				if !reflect.DeepEqual(before[0].Desired, now[0].Desired) {
					t.Errorf("it was\n%s\nand with a typo it is\n%s", tell(before), tell(now))
				}
				if text := tell(now); !strings.Contains(text, "the last valid version of Ingress shop/member keeps serving") {
					t.Errorf("the finding does not tell that the last valid version serves:\n%s", text)
				}
				restarted := scenario{Account: "lab", Exists: map[string]*facts.LoadBalancer{
					"ingress.k8s.aws:team": {ARN: "arn:lb", Type: "application", Scheme: "internal"}}}.run(
					t, member(notes{key: "{"}))[0]
				if restarted.Desired == nil {
					t.Fatalf("after a restart nothing is built: %v", restarted.Diagnostics)
				}
				for _, r := range restarted.Desired.Rules {
					if own := strings.Contains(reportConditions(r.Conditions), "a.example.com"); own != slices.Contains(
						restarted.Keep.Actions, stack.Ref{Kind: stack.KindRule, ID: r.ID}) {
						t.Errorf("after a restart a rule for%s is kept: %v", reportConditions(r.Conditions), !own)
					}
				}
			})
		}
	}
}
