package doctor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/servingcert"
	"github.com/k8s-lbc/lbc/playground/chart"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const installed = "installed"

// deployment is a Deployment of the controller whose pods no node takes.
func deployment(name string, replicas int, args string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[2]s, namespace: %[1]s, labels: {app.kubernetes.io/name: aws-load-balancer-controller}}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[2]s}}
  template:
    metadata: {labels: {app: %[2]s}}
    spec:
      serviceAccountName: with-role
      nodeSelector: {none: such}
      containers: [{name: controller, image: example.com/app, args: [%[4]s]}]
---
`, installed, name, replicas, args)
}

func lease(namespace string, renewed time.Time) string {
	return fmt.Sprintf("apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: "+
		"aws-load-balancer-controller-leader, namespace: %s}\nspec: {holderIdentity: pod-of-%[1]s, leaseDurationSeconds: "+
		"15, renewTime: %q}\n---\n",
		namespace, renewed.UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// elections are the events of processes that took the Lease in namespace default just now.
func elections(n int) string {
	var b strings.Builder
	now := time.Now().UTC().Format(time.RFC3339)
	for i := range n {
		fmt.Fprintf(&b, `apiVersion: v1
kind: Event
metadata: {name: election-%[1]d, namespace: default}
involvedObject: {apiVersion: coordination.k8s.io/v1, kind: Lease, name: aws-load-balancer-controller-leader, namespace: default}
type: Normal
reason: LeaderElection
message: pod-%[1]d became leader
count: 1
firstTimestamp: %[2]q
lastTimestamp: %[2]q
---
`, i, now)
	}
	return b.String()
}

// TestTroublesOfAnInstallationAreFound shows that lbc doctor reads certificates, arguments,
// accounts and webhooks of Deployments in a live cluster and finds their troubles. The Deployments
// do not run.
func TestTroublesOfAnInstallationAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	old, err := certificate(80*24*time.Hour, "hooks."+installed+".svc")
	if err != nil {
		t.Fatal(err)
	}
	other, err := certificate(1000*24*time.Hour, "hooks."+installed+".svc") // whose authority has expired
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := certificate(0, "hooks."+installed+".svc")
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+installed+"}\n---\n"+
		"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: with-role, namespace: "+installed+
		", annotations: {eks.amazonaws.com/role-arn: \"arn:aws:iam::123456789012:role/lbc\"}}\n---\n"+
		"apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {name: serving, namespace: "+installed+
		"}\ndata: {tls.crt: "+base64.StdEncoding.EncodeToString(old.Cert)+", tls.key: "+base64.StdEncoding.EncodeToString(
		old.Key)+"}\n---\n"+
		"apiVersion: v1\nkind: Service\nmetadata: {name: hooks, namespace: "+installed+
		"}\nspec: {selector: {app: none}, ports: [{port: 443, targetPort: 9443}]}\n---\n"+
		deployment("aws-load-balancer-controller", 1, "--cluster-name=demo-cluster, --webhook-cert-secret=serving")+
		lease(installed, time.Now().Add(-10*time.Minute))+
		hooks("left-behind", nil, "Fail", "gone")+hooks("expired", other.CA, "Ignore", "hooks")+hooks("mismatched", fresh.CA,
		"Fail", "hooks")+autoMode+strings.Replace(hooks("services", fresh.CA, "Ignore", "hooks"), "vpod", "mservice", 1))
	hop(t, c, 1)
	object := "Deployment " + installed + "/aws-load-balancer-controller"
	for _, x := range []trouble{
		{check: "controller-unready", severity: "error", object: object, evidence: "0/3 nodes are available"},
		{check: "controller-single", severity: "note", object: object},
		{check: "controller-leaderless", severity: "error", object: "Lease " + installed +
			"/aws-load-balancer-controller-leader", evidence: "10 minutes ago by pod-of-" + installed},
		{check: "identity-not-injected", severity: "error", object: object, evidence: "arn:aws:iam::123456789012:role/lbc"},
		{check: "imds-unreachable", severity: "error", object: object, evidence: "ip-10-0-128-10"},
		{check: "webhook-ca", severity: "error", object: "ValidatingWebhookConfiguration left-behind", evidence: "empty"},
		{check: "webhook-ca", severity: "warning", object: "ValidatingWebhookConfiguration expired", evidence: "has expired"},
		{check: "webhook-certificate-expiring", severity: "warning", object: "Secret " + installed + "/serving",
			evidence: "expires in"},
		{check: "webhook-certificate-untrusted", severity: "error", object: "Secret " + installed + "/serving",
			evidence: "unknown authority"},
		{check: "webhook-service-missing", severity: "error", object: "Service " + installed + "/gone",
			evidence: "left-behind"},
		{check: "webhook-no-endpoints", severity: "error", object: "Service " + installed + "/hooks", evidence: "mismatched"},
		{check: "webhook-blocks", severity: "note", object: "ValidatingWebhookConfiguration left-behind", evidence: "pods"},
		{check: "auto-mode-services", severity: "warning", object: "ValidatingWebhookConfiguration services",
			evidence: "EKS Auto Mode"},
	} {
		found(t, c, x)
	}
	if r, _ := examine(t, c, nil, unnamed); r.Cluster != "demo-cluster" || r.VPC != c.Simulator.Seed().VPC.ID {
		t.Errorf("the cluster is %q, the VPC %q", r.Cluster, r.VPC)
	}
	c.Apply(t, deployment("second", 0, "--cluster-name=demo-cluster, --bogus"))
	found(t, c, trouble{check: "controller-duplicate", severity: "error", object: "second",
		evidence: "there are 2 Deployments"})
	found(t, c, trouble{check: "controller-flags", severity: "error", object: "Deployment " + installed + "/second",
		evidence: "--bogus"})
	c.Apply(t, lease("default", time.Now())+lease("kube-public", time.Now()))
	found(t, c, trouble{check: "controller-duplicate", severity: "error", object: "Lease", evidence: "pod-of-kube-public"})
	c.Apply(t, elections(4))
	found(t, c, trouble{check: "leader-unstable", severity: "warning",
		object: "Lease default/aws-load-balancer-controller-leader", evidence: "pod-3 became leader"})
}

// TestAnInstallationIsFoundUnderAnyNameAndNamespace shows that lbc doctor finds a controller that
// the chart installs under names of the user. No node takes the pods.
func TestAnInstallationIsFoundUnderAnyNameAndNamespace(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	loaded, err := chart.Load(c.Repo.Chart())
	if err != nil {
		t.Fatal(err)
	}
	const ns = "balancing"
	c.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+ns+"}\n")
	for _, tt := range []struct{ name, release, set string }{
		{"lb", "prod", `{"nameOverride": "lb", "fullnameOverride": "lb"}`},
		{"prod-lb", "prod", `{"nameOverride": "lb", "creator": "kustomize"}`},
		{"edge", "edge", `{"fullnameOverride": "edge", "serviceAccount": {"name": "balancer"}}`},
	} {
		values := map[string]any{}
		if err := json.Unmarshal([]byte(tt.set), &values); err != nil {
			t.Fatal(err)
		}
		values["clusterName"], values["nodeSelector"] = "elsewhere", map[string]any{"none": "such"}
		r, err := loaded.Render(values, chart.Release{Name: tt.release, Namespace: ns})
		if err != nil {
			t.Fatal(err)
		}
		d := r.Object("Deployment", tt.name)
		if d == nil {
			t.Fatalf("there is no Deployment %s", tt.name)
		}
		manifest, err := json.Marshal(d.Object)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(tt.name, func(t *testing.T) {
			c.Apply(t, string(manifest))
			found(t, c, trouble{check: "controller-unready", severity: "error", object: "Deployment " + ns + "/" + tt.name,
				evidence: "of 2 replicas"})
			if report, _ := examine(t, c, nil, unnamed); report.Cluster != "elsewhere" {
				t.Errorf("the cluster is %q", report.Cluster)
			}
		})
	}
}

// certificate is a serving certificate of an age; it is valid for 90 days, and its authority for 900.
func certificate(age time.Duration, host string) (servingcert.Bundle, error) {
	b, _, err := servingcert.Renew(servingcert.Bundle{}, servingcert.Policy{Lifetime: 90 * 24 * time.Hour, Hosts: []string{
		host}}, time.Now().Add(-age))
	return b, err
}

// hooks is a configuration of a webhook for pods of a group that there is not, so that it stops nothing.
func hooks(name string, ca []byte, policy, service string) string {
	return fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: %s}
webhooks:
- name: vpod.elbv2.k8s.aws
  clientConfig: {caBundle: %q, service: {namespace: %s, name: %s}}
  rules: [{apiGroups: [none.example.com], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  failurePolicy: %s
  sideEffects: None
  admissionReviewVersions: [v1]
---
`, name, base64.StdEncoding.EncodeToString(ca), installed, service, policy)
}

// autoMode is a definition by which EKS Auto Mode is known.
const autoMode = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ingressclassparams.eks.amazonaws.com}
spec:
  group: eks.amazonaws.com
  names: {kind: IngressClassParams, listKind: IngressClassParamsList, plural: ingressclassparams, singular: ingressclassparams}
  scope: Cluster
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
---
`

// hop sets the hop limit of the instances of nodes.
func hop(t *testing.T, c *harness.Cluster, limit int32) {
	t.Helper()
	set := func(limit int32) {
		a := c.Simulator.Account
		a.Lock()
		defer a.Unlock()
		for _, i := range a.Instances {
			i.HopLimit = limit
		}
	}
	set(limit)
	t.Cleanup(func() { set(0) })
}

// TestAWebhookThatDoesNotAnswerIsFound shows that lbc doctor finds a webhook that the API server
// cannot call.
func TestAWebhookThatDoesNotAnswerIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	c.Apply(t, strings.NewReplacer("ValidatingWebhook", "MutatingWebhook", "[none.example.com]", `[""]`, "[pods]",
		"[services]", "service: {namespace: "+installed+", name: gone}", `url: "https://127.0.0.1:1/"`,
		"  failurePolicy:", "  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}\n  failurePolicy:").
		Replace(hooks("unanswered", nil, "Fail", "gone")))
	x := trouble{check: "webhook-unanswered", severity: "error", object: "Service", evidence: "failed calling webhook"}
	found(t, c, x)
	c.Kubectl(t, "delete", "mutatingwebhookconfiguration", "unanswered")
	gone(t, c, x)
	if list, err := c.Client.CoreV1().Services("default").List(context.Background(), listAll); err != nil ||
		len(list.Items) != 1 {
		t.Errorf("services in namespace default: %v %v", list.Items, err)
	}
}
