package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/plan"
)

const adoptingIngress = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  uid: uid-web
  annotations:
    alb.ingress.kubernetes.io/scheme: internal
    alb.ingress.kubernetes.io/ownership: adopted
    alb.ingress.kubernetes.io/existing-load-balancer: platform
    alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds=100
    alb.ingress.kubernetes.io/actions.hello: '{"type": "fixed-response", "fixedResponseConfig": {"contentType": "text/plain", "statusCode": "200", "messageBody": "hello"}}'
spec:
  ingressClassName: alb
  rules:
  - http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: hello, port: {name: use-annotation}}}}
`

func TestThePlanOfATakeoverShowsWhatWaitsForItsApproval(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "web.yaml")
	if err := os.WriteFile(file, []byte(adoptingIngress), 0o600); err != nil {
		t.Fatal(err)
	}
	sim, clients := simulated(t)
	lb, err := sim.Balancing.CreateLoadBalancer(t.Context(), &elbv2.CreateLoadBalancerInput{
		Name: aws.String("platform"), Scheme: "internal", Subnets: []string{"subnet-0a1de0000000000a1",
			"subnet-0a1de0000000000b1"},
		Tags: []elbtypes.Tag{{Key: aws.String("Owner"), Value: aws.String("platform")}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range []int32{80, 9090} {
		if _, err := sim.Balancing.CreateListener(t.Context(), &elbv2.CreateListenerInput{
			LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Port: &port, Protocol: elbtypes.ProtocolEnumHttp,
			DefaultActions: []elbtypes.Action{
				{Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{
					StatusCode: aws.String("200")}}}}); err != nil {
			t.Fatal(err)
		}
	}
	all, _ := planned(t, clients, file, offline.Cluster{}, func(i *inputs, _ *source) {
		i.config.ExistingLoadBalancers = []string{"shop=platform"}
	})
	if len(all) != 1 {
		t.Fatalf("%d plans", len(all))
	}
	goldenfile.Compare(t, "testdata/plan-adopted.txt", regexp.MustCompile(`\bsg-[0-9a-f]{17}\b`).ReplaceAllString(
		all[0].Plan.Text(plan.TextOptions{}), "sg-ID"))
}

func TestLintNotesMissingConsent(t *testing.T) {
	t.Parallel()
	const class = "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: alb}\nspec: {controller: " +
		"ingress.k8s.aws/alb}\n"
	for flag, want := range map[string]int{"none": 1, "shop=platform": 0, "other=*": 1, "platform": 0} {
		out, _, err := lbc(t, adoptingIngress+class, "lint", "--existing-load-balancers="+flag, "-")
		if err != nil || strings.Count(out, "--existing-load-balancers=shop=platform, or have its owner set tag "+
			"elbv2.k8s.aws/shared-with") != want || strings.Count(out, "[NeedsConsent]") != want {
			t.Errorf("%s: %v\n%s", flag, err, out)
		}
	}
}
