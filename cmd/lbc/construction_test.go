package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/plan"
)

const constructed = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: alb}
spec: {controllerName: gateway.k8s.aws/alb}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: shop, METADATA}
spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: v1
kind: Service
metadata: {name: front, namespace: shop}
spec: {type: NodePort, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: front, namespace: shop}
spec: {parentRefs: [{name: web}], hostnames: [shop.example.com], rules: [{backendRefs: [{name: front, port: 80}]}]}
`

// TestPlanInfersRuleConstructionFromAWS plans a Gateway as a user has it in a file, and as the
// existing controller and a backup leave it, against an account that has its rules in either construction.
func TestPlanInfersRuleConstructionFromAWS(t *testing.T) {
	t.Parallel()
	write := func(metadata string) string {
		file := filepath.Join(t.TempDir(), "gateway.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(constructed, "METADATA", metadata, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, of := range []string{"compatible", "standard", "plain-hosts"} {
		_, clients := simulated(t)
		deploy(t, clients, write(`annotations: {gateway.k8s.aws/rule-construction: `+of+`}`))
		for _, metadata := range []string{"labels: {}", "finalizers: [gateway.k8s.aws/alb]"} {
			for _, op := range changedIn(t, clients, write(metadata)) {
				if strings.Contains(op, "Rule") {
					t.Errorf("rules of construction %s, Gateway with %s: the plan has %s", of, metadata, op)
				}
			}
		}
	}
}

// changedIn are the operations that a file's plans have.
func changedIn(t *testing.T, clients awsclient.Clients, file string) (out []string) {
	t.Helper()
	all, _ := planned(t, clients, file, offline.Cluster{}, nil)
	if len(all) != 1 || all[0].Unbuildable {
		t.Fatalf("%d plans", len(all))
	}
	for _, s := range all[0].Plan.Steps {
		out = append(out, strings.Join(append([]string{plan.NameOf(s.Op)}, s.Why...), " "))
	}
	return out
}
