package degraded

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// lbc runs the command line against a playground. Its exit status is not looked at.
func lbc(t *testing.T, c *harness.Cluster, args ...string) string {
	t.Helper()
	args = append(args, "--kubeconfig", c.Env.Kubeconfig, region, vpc, "--cluster-name", c.Simulator.Seed().Cluster.Name)
	cmd := exec.CommandContext(t.Context(), filepath.Join(string(c.Repo), "bin", "lbc"), args...)
	cmd.Env = c.Environ()
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// saysWhy waits until a namespace that is being deleted, and an object in it, have a cause.
func saysWhy(t *testing.T, c *harness.Cluster, kind, ns, code string) {
	t.Helper()
	c.WaitFor(t, "the cause on the object", func(context.Context) error {
		out, err := c.TryKubectl(t, "get", kind, "web", "-n", ns, "-o", "jsonpath={.metadata.annotations}")
		if err == nil && (!strings.Contains(out, "deletion-waits-for") || !strings.Contains(out, code)) {
			err = fmt.Errorf("%s %s has %s", kind, ns, out)
		}
		return err
	})
	c.WaitFor(t, "the cause on the namespace", func(ctx context.Context) error {
		events, err := c.Client.CoreV1().Events(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{
			FieldSelector: "involvedObject.kind=Namespace,involvedObject.name=" + ns})
		if err != nil {
			return err
		}
		for _, e := range events.Items {
			if e.Type == corev1.EventTypeWarning && strings.Contains(e.Message, ns+"/web: ") &&
				strings.Contains(e.Message, code) {
				return nil
			}
		}
		return errors.New("there is no event")
	})
}

// TestNamespaceThatDoesNotEndSaysWhy shows that a namespace that cannot end names the cause and ends after the cure.
// One has a protected Ingress, one a Service whose load balancer AWS does not let be deleted.
func TestNamespaceThatDoesNotEndSaysWhy(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/controller/lab show each part")
	}
	c := playground(t)
	p := c.StartProcess(t, keys(newCloud(t, c)), region, vpc, alone)
	eventually(t, c, p.Health+"/readyz", 200, "ok")
	const kept, denied = "protected", "undeletable"
	protection := scene.Annotations{"scheme": "internet-facing", "target-type": "ip",
		"load-balancer-attributes": "deletion_protection.enabled=true"}
	c.Apply(t, scene.Namespace(kept, 1)+scene.Ingress(kept, "web", scene.Class, protection, scene.Path{Path: "/"}))
	c.Apply(t, scene.Namespace(denied, 1)+scene.Ingress(denied, "web", scene.Class, scene.Annotations{
		"scheme": "internet-facing", "target-type": "ip"}, scene.Path{Path: "/"}))
	c.IngressAddress(t, kept, "web")
	c.IngressAddress(t, denied, "web")

	permit := deny(t, c, "elasticloadbalancing:DeleteLoadBalancer")
	c.Kubectl(t, "delete", "namespace", kept, denied, "--wait=false")
	saysWhy(t, c, "ingress", kept, "[DeletionProtected]")
	saysWhy(t, c, "ingress", denied, "[AccessDenied]")
	if out := lbc(t, c, "explain", "ingress", kept+"/web"); !strings.Contains(out, "why it stays: ") ||
		!strings.Contains(out, "[DeletionProtected]") {
		t.Errorf("lbc explain says:\n%s", out)
	}
	eventually(t, c, p.Metrics+"/metrics", 200, `lbc_deletions_waiting{reason="DeletionProtected"} 1`)

	permit()
	c.Kubectl(t, "annotate", "ingress", "-n", kept, "web",
		"alb.ingress.kubernetes.io/load-balancer-attributes=deletion_protection.enabled=false", "--overwrite")
	c.Kubectl(t, "wait", "--for=delete", "namespace/"+kept, "namespace/"+denied, "--timeout=4m")
}

const denyUnlabelled = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: require-team}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: [elbv2.k8s.aws], apiVersions: ["*"], operations: [CREATE], resources: [targetgroupbindings, loadbalancers]}
  validations:
  - {expression: "has(object.metadata.labels) && 'team' in object.metadata.labels", message: "label team is missing"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: require-team}
spec: {policyName: require-team, validationActions: [Deny]}
`

// TestPolicyThatRefusesIsNamedAndLabelsMeetIt shows that a policy which refuses TargetGroupBindings and
// LoadBalancer objects is named in events and by lbc doctor, and that labels of objects meet it.
func TestPolicyThatRefusesIsNamedAndLabelsMeetIt(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/controller/lab show each part")
	}
	c := playground(t)
	aws := newCloud(t, c)
	p := c.StartProcess(t, keys(aws), region, vpc, alone)
	eventually(t, c, p.Health+"/readyz", 200, "ok")
	c.Apply(t, denyUnlabelled)
	c.WaitFor(t, "the policy to be in force", func(context.Context) error {
		_, err := c.TryKubectl(t, "create", "--dry-run=server", "-f",
			filepath.Join(string(c.Repo), "playground/e2e/degraded/testdata/unlabelled.yaml"))
		if err == nil {
			return errors.New("an object without the label is admitted")
		}
		return nil
	})
	const ns = "governed"
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, scene.Annotations{"scheme": "internet-facing",
		"target-type": "ip"}, scene.Path{Path: "/"}))
	for _, kind := range []string{"TargetGroupBinding", "LoadBalancer"} {
		c.WaitFor(t, "the event that names the policy and the "+kind, func(context.Context) error {
			for _, e := range c.Events(t, "Ingress", ns, "web") {
				if strings.Contains(e.Message, "ValidatingAdmissionPolicy require-team refuses "+kind+" "+ns+"/") &&
					strings.Contains(e.Message, "[PolicyDenied]") {
					return nil
				}
			}
			return errors.New("there is none")
		})
	}
	if out := lbc(t, c, "doctor", "--offline"); !strings.Contains(out, "policy-refuses: TargetGroupBinding "+ns+
		"/of web") || !strings.Contains(out, "policy-refuses: LoadBalancer "+ns+"/of web") {
		t.Errorf("lbc doctor says:\n%s", out)
	}
	p.Kill()
	p = c.StartProcess(t, keys(aws), region, vpc, alone, "--object-labels=team=edge")
	// the process ends before the clean-up
	defer c.Kubectl(t, "delete", "ingress", "--all", "--namespace="+ns, "--timeout=3m")
	eventually(t, c, p.Health+"/readyz", 200, "ok")
	for _, kind := range []string{"targetgroupbindings.elbv2.k8s.aws", "loadbalancers.elbv2.k8s.aws"} {
		c.WaitFor(t, kind+" with the label", func(context.Context) error {
			out, err := c.TryKubectl(t, "get", kind, "-n", ns, "-l", "team=edge", "-o", "name")
			if err == nil && !strings.Contains(out, "/") {
				err = errors.New("there are none")
			}
			return err
		})
	}
	url := "http://" + c.IngressAddress(t, ns, "web") + "/"
	c.WaitFor(t, "the path to be served", func(ctx context.Context) error {
		r, err := c.Get(ctx, url, "")
		if err == nil && r.Status != 200 {
			err = fmt.Errorf("status %d", r.Status)
		}
		return err
	})
}
