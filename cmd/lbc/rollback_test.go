package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
)

func TestRollbackCheckListsUsesAndRemedies(t *testing.T) {
	t.Parallel()
	out, errOut, err := lbc(t, "", "rollback-check", "-f", "testdata/rollback.in.yaml", "--drift-policy=report",
		"--feature-gates=AutoGatewayAPI=true")
	if !errors.Is(err, exitWarnings) {
		t.Errorf("%v\n%s", err, errOut)
	}
	goldenfile.Compare(t, "testdata/rollback.txt", out)
}

func TestRollbackCheckPassesWithoutAdditions(t *testing.T) {
	t.Parallel()
	const plain = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, annotations: " +
		"{alb.ingress.kubernetes.io/deletion-policy: Delete}}\nspec: {ingressClassName: alb, defaultBackend: {service: " +
		"{name: web, port: {number: 80}}}}\n"
	out, errOut, err := lbc(t, plain, "rollback-check", "-f", "-")
	if err != nil || !strings.HasPrefix(out, "no object needs attention") {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
}

func TestRollbackCheckDocumentFitsItsSchema(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, "", "rollback-check", "-f", "testdata/rollback.in.yaml", "-o", "json")
	if !errors.Is(err, exitWarnings) {
		t.Error(err)
	}
	validate(t, "rollback-check", out, rollbackKind)
}

// TestRollbackCheckKeepsGatewaysOfOthersOut has a Gateway of another implementation with a field that only this
// controller reads of its own.
func TestRollbackCheckKeepsGatewaysOfOthersOut(t *testing.T) {
	t.Parallel()
	const theirs = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: mesh}\nspec: " +
		"{controllerName: example.com/mesh}\n---\n" +
		"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: web}\nspec:\n  gatewayClassName: mesh\n " +
		" tls: {frontend: {default: {validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}}}}\n  " +
		"listeners: [{name: http, port: 80, protocol: HTTP}]\n"
	out, errOut, err := lbc(t, theirs, "rollback-check", "-f", "-")
	if err != nil {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
}

// TestRollbackCheckFindsCertificatesOfSecrets: the existing controller reads none of Secrets, and the definition of
// Gateways demands references of listeners whose certificates are in ACM, too.
func TestRollbackCheckFindsCertificatesOfSecrets(t *testing.T) {
	t.Parallel()
	const objects = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: alb}
spec: {controllerName: gateway.k8s.aws/alb}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, annotations: {gateway.k8s.aws/rule-construction: compatible}}
spec:
  gatewayClassName: alb
  infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}
  allowedListeners: {namespaces: {from: Same}}
  listeners:
  - {name: plain, port: 80, protocol: HTTP}
  - {name: secret, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: a}]}}
  - {name: arn, port: 8443, protocol: HTTPS, hostname: b.example.com, tls: {certificateRefs: [{name: b}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more}
spec:
  parentRef: {name: web}
  listeners: [{name: set, port: 9443, protocol: HTTPS, hostname: c.example.com, tls: {certificateRefs: [{name: c}]}}]
---
apiVersion: gateway.k8s.aws/v1
kind: LoadBalancerConfiguration
metadata: {name: web}
spec:
  listenerConfigurations:
  - {protocolPort: "HTTPS:8443", defaultCertificate: "arn:aws:acm:us-west-2:123456789012:certificate/0"}
`
	out, errOut, err := lbc(t, objects, "rollback-check", "-f", "-")
	if !errors.Is(err, exitWarnings) || strings.Count(out, "  uses ") != 2 ||
		!strings.Contains(out, "uses    spec.listeners[1].tls.certificateRefs\n") ||
		!strings.Contains(out, "uses    spec.listeners[0].tls.certificateRefs of ListenerSet default/more\n") {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
	out, errOut, err = lbc(t, objects, "lint", "--existing-features-only", "-")
	if strings.Contains(out, "AdditionInUse") {
		t.Errorf("lint refuses what the definition demands: %v\n%s%s", err, out, errOut)
	}
}

func TestRollbackCheckReadsFlags(t *testing.T) {
	t.Parallel()
	const ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\n"
	for name, test := range map[string]struct {
		flag, want string
		status     error
	}{
		"load balancers change":         {"--default-ip-address-type=dualstack", "effect  changed", exitWarnings},
		"the controller undoes edits":   {"--drift-policy=ignore", "effect  changed", exitWarnings},
		"nothing depends on it":         {"--otlp-traces-sampling-ratio=0.5", "effect  ignored", nil},
		"a default value that is given": {"--drift-policy=correct", "it has its default value", nil},
	} {
		out, errOut, err := lbc(t, ingress, "rollback-check", "-f", "-", test.flag)
		if !errors.Is(err, test.status) || !strings.Contains(out, test.want) {
			t.Errorf("%s: %v, want %q\n%s%s", name, err, test.want, out, errOut)
		}
	}
}

func TestRollbackCheckReadsTheClusterByNamespace(t *testing.T) {
	objs := append(ingressIn(t, "shop", "front"), ingressIn(t, "web", "other")...)
	for _, o := range objs {
		if o.GetName() == "front" {
			o.SetAnnotations(map[string]string{"alb.ingress.kubernetes.io/approved-plan": "none"})
		}
	}
	kubeconfig := newAPIServer(t, objs...).kubeconfig(t)
	for namespace, want := range map[string]error{"shop": exitWarnings, "web": nil} {
		out, errOut, err := lbc(t, "", "rollback-check", "-n", namespace, "--kubeconfig", kubeconfig, "--cluster-name=c",
			"--account=testdata/remedies-account.yaml")
		if !errors.Is(err, want) || strings.Contains(out, "approved-plan") != (want != nil) {
			t.Errorf("%s: %v\n%s%s", namespace, err, out, errOut)
		}
	}
}

// TestRollbackCheckFailsWithoutAWS: which objects are served otherwise is unknown then.
func TestRollbackCheckFailsWithoutAWS(t *testing.T) {
	kubeconfig := newAPIServer(t, ingressIn(t, "web", "other")...).kubeconfig(t)
	out, errOut, err := lbc(t, "", "rollback-check", "-A", "--kubeconfig", kubeconfig, "--cluster-name=c",
		"--account=testdata/none.yaml")
	if err == nil || errors.Is(err, exitWarnings) || !strings.Contains(out, "not read: AWS: ") {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
}

func TestLintRefusesAdditionsWithTheFlag(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, "", "lint", "--existing-features-only", "testdata/rollback.in.yaml")
	if !errors.Is(err, exitInvalid) || strings.Count(out, "[AdditionInUse]") != 5 ||
		!strings.Contains(out, "(metadata.annotations[alb.ingress.kubernetes.io/deletion-policy])") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, _, _ = lbc(t, "", "lint", "testdata/rollback.in.yaml"); strings.Contains(out, "AdditionInUse") {
		t.Errorf("without the flag:\n%s", out)
	}
}
