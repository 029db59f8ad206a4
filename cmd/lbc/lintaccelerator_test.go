package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const lintedAccelerator = `apiVersion: aga.k8s.aws/v1beta1
kind: GlobalAccelerator
metadata: {name: web, namespace: shop}
spec:
  name: shop.example.com
  ipAddresses: [10.0.0.1]
  listeners:
  - protocol: TCP
    portRanges: [{fromPort: 90, toPort: 80}]
    endpointGroups:
    - region: eu-west-1
      endpoints:
      - {type: Service, name: web}
      - {type: Service, name: web, namespace: shop}
    - {region: eu-west-1, endpoints: [{type: Ingress}]}
`

func TestLintChecksGlobalAccelerator(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, lintedAccelerator, "lint", "-")
	if err == nil {
		t.Error("the exit status is 0")
	}
	for _, want := range []string{
		`-:5: error: GlobalAccelerator shop/web: the API server refuses the object: "shop.example.com" does not match ^[a-zA-Z0-9_-]{1,64}$ (spec.name) [InvalidManifest]`,
		"-:6: error: GlobalAccelerator shop/web: 10.0.0.1 is not a public address (spec.ipAddresses[0]) [InvalidAccelerator]",
		"-:9: error: GlobalAccelerator shop/web: the API server refuses the object: FromPort must be less than or equal to " +
			"ToPort (spec.listeners[0].portRanges[0])",
		"-:14: error: GlobalAccelerator shop/web: duplicate endpoint detected in listener[0].endpointGroups[0]: " +
			"Service/shop/web (spec.listeners[0].endpointGroups[0].endpoints[1])",
		"-:15: error: GlobalAccelerator shop/web: duplicate region detected in listener[0]: endpointGroups[0] and " +
			"endpointGroups[1] are both in eu-west-1",
		"-:15: error: GlobalAccelerator shop/web: the endpoint has no name of the Ingress " +
			"(spec.listeners[0].endpointGroups[1].endpoints[0])",
		"6 errors, 1 warning, 0 notes",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

// TestLintNotesPortsWithoutListener has an accelerator and the load balancer of its endpoint in one file.
func TestLintNotesPortsWithoutListener(t *testing.T) {
	t.Parallel()
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop, annotations: " +
		"{service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip}}\nspec: {type: LoadBalancer, " +
		"loadBalancerClass: service.k8s.aws/nlb, selector: {app: web}, ports: [{port: 80}]}\n---\n"
	const of = "apiVersion: aga.k8s.aws/v1beta1\nkind: GlobalAccelerator\nmetadata: {name: web, namespace: shop}\n" +
		"spec: {listeners: [{protocol: TCP, portRanges: [{fromPort: %, toPort: %}], endpointGroups: [{endpoints: " +
		"[{type: Service, name: web}]}]}]}\n"
	for port, want := range map[string]bool{"80": false, "443": true} {
		out, _, err := lbc(t, service+strings.ReplaceAll(of, "%", port), "lint", "-",
			"--feature-gates=GlobalAcceleratorController=true")
		if told := strings.Contains(out, "note: GlobalAccelerator shop/web: Service/shop/web has no listener for TCP ports "+
			"443 to 443"); told != want || err != nil {
			t.Errorf("%s: %v\n%s", port, err, out)
		}
	}
}

func TestLintRefusesUnknownFieldsAndVersionsOfGlobalAccelerators(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		strings.Replace(lintedAccelerator, "ipAddresses", "ipaddresses",
			1): `unknown field "spec.ipaddresses"`,
		strings.Replace(lintedAccelerator, "aga.k8s.aws/v1beta1", "aga.k8s.aws/v1",
			1): "write apiVersion: aga.k8s.aws/v1beta1",
		strings.Replace(lintedAccelerator, "kind: GlobalAccelerator", "kind: Accelerator",
			1): "there is no such kind; those of aga.k8s.aws are GlobalAccelerator",
	} {
		if out, _, err := lbc(t, text, "lint", "-"); err == nil || !strings.Contains(out, want) {
			t.Errorf("%v, no %s in\n%s", err, want, out)
		}
	}
}

func TestLintWarnsOfGlobalAcceleratorsThatHaveNoEffect(t *testing.T) {
	t.Parallel()
	const valid = "apiVersion: aga.k8s.aws/v1beta1\nkind: GlobalAccelerator\nmetadata: {name: web, namespace: shop}\n"
	const gate = "--feature-gates=GlobalAcceleratorController=true"
	account := func(region string) string {
		path := filepath.Join(t.TempDir(), "account.yaml")
		if err := os.WriteFile(path, []byte("{account: '123456789012', region: "+region+", cluster: {name: demo}, vpc: "+
			"{id: vpc-00000001, cidr: 10.1.0.0/16}}"), 0o600); err != nil {
			t.Fatal(err)
		}
		return " --account=" + path
	}
	for flags, want := range map[string]string{
		"": "-:1: warning: GlobalAccelerator shop/web: feature gate " +
			"GlobalAcceleratorController is off, so this object has no effect",
		gate + account("cn-north-1"): "-:1: warning: GlobalAccelerator shop/web: " + gate +
			" has no effect: AWS Global Accelerator does not exist in the partition of region cn-north-1",
		gate:                           "",
		gate + account("eu-central-1"): "",
	} {
		out, _, err := lbc(t, valid, append([]string{"lint", "-"}, strings.Fields(flags)...)...)
		if warnings := strings.Count(out, "warning:"); err != nil || !strings.Contains(out, want) ||
			(warnings == 1) != (want != "") || warnings > 1 {
			t.Errorf("%s: %v\n%s", flags, err, out)
		}
	}
}
