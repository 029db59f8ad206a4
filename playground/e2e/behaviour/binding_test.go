package behaviour

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// targetGroup makes a target group as a user would outside the cluster.
func targetGroup(t *testing.T, c *harness.Cluster, name string, targetType types.TargetTypeEnum) string {
	t.Helper()
	out, err := c.Simulator.Balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
		Name: &name, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: targetType,
		VpcId: aws.String(c.Simulator.Seed().VPC.ID),
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := aws.ToString(out.TargetGroups[0].TargetGroupArn)
	t.Cleanup(func() { // after those of what is applied later, bindings among it
		if _, err := c.Simulator.Balancing.DeleteTargetGroup(context.Background(), &elb.DeleteTargetGroupInput{
			TargetGroupArn: &arn}); err != nil {
			t.Error(err)
		}
	})
	return arn
}

func bind(namespace, name, spec string) string {
	return fmt.Sprintf("apiVersion: elbv2.k8s.aws/v1beta1\nkind: TargetGroupBinding\nmetadata: {name: %s, namespace: "+
		"%s}\nspec: {%s, serviceRef: {name: web, port: http}}\n---\n", name, namespace, spec)
}

// TestATargetGroupOfTheUserFollowsTheService shows that a real API server completes a binding and
// that the user's target group follows pods and Service until the binding ends.
func TestATargetGroupOfTheUserFollowsTheService(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "bound"
	byARN, byName := targetGroup(t, c, "bound-arn", types.TargetTypeEnumIp), targetGroup(t, c, "bound-name",
		types.TargetTypeEnumIp)
	c.Apply(t, scene.Namespace(ns, 2)+bind(ns, "by-arn", "targetGroupARN: "+byARN)+
		bind(ns, "by-name", "targetGroupName: bound-name"))
	for _, arn := range []string{byARN, byName} {
		scene.WaitTargets(t, c, arn, 2)
	}
	c.Kubectl(t, "scale", "deployment", "-n", ns, "web", "--replicas=4")
	for _, arn := range []string{byARN, byName} {
		scene.WaitTargets(t, c, arn, 4)
	}
	wait(t, c, "what the binding was completed with", func() string {
		return differs("spec", scene.Query(t, c, "get", "targetgroupbinding", "-n", ns, "by-name", "-o",
			"jsonpath={.spec.targetGroupARN} {.spec.targetType} {.spec.vpcID}"),
			byName+" ip "+c.Simulator.Seed().VPC.ID)
	})

	// A Service that goes takes its targets along, one that comes brings them again.
	c.Kubectl(t, "delete", "service", "-n", ns, "web")
	scene.WaitTargets(t, c, byARN, 0)
	scene.Change(t, c, scene.Service(ns, "web", "type: NodePort"))
	scene.WaitTargets(t, c, byARN, 4)

	// Deleting a binding deregisters; the target group is the user's.
	c.Kubectl(t, "delete", "targetgroupbinding", "-n", ns, "by-arn", "--timeout="+harness.Timeout.String())
	if left := scene.Targets(c, byARN); len(left) > 0 {
		t.Errorf("targets after the binding's end: %v", left)
	}
	scene.WaitTargets(t, c, byName, 4)
	if scene.Left(c, "bound-arn") == nil {
		t.Error("the user's target group is gone")
	}
}

// TestWhatTheCommandLinePlansOfABindingIsWhatTheControllerDoes shows that the lbc binary plans and
// explains a binding of a live cluster exactly as the controller carries it out. The test plans a
// binding before it is applied, and again after the controller has reconciled it.
func TestWhatTheCommandLinePlansOfABindingIsWhatTheControllerDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("each of its steps has a cheaper test; it shows them together in a cluster")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "boundplan"
	arn := targetGroup(t, c, "bound-plan", types.TargetTypeEnumIp)
	c.Apply(t, scene.Namespace(ns, 2))
	manifest := bind(ns, "web", "targetGroupName: bound-plan, networking: {ingress: [{from: [{ipBlock: {cidr: "+
		"10.77.0.0/16}}], ports: [{protocol: TCP, port: http}]}]}")
	file := filepath.Join(t.TempDir(), "binding.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	var planned string
	wait(t, c, "a plan with both pods", func() string {
		out, status := lbc(t, c, "plan", "-f", file, "--exit-code")
		if planned = out; status != 3 || strings.Count(out, " pod web-") != 2 ||
			!strings.Contains(out, "from 10.77.0.0/16") || strings.Contains(out, "DeregisterTargets") {
			return out
		}
		return ""
	})
	c.Apply(t, manifest)
	scene.WaitTargets(t, c, arn, 2)
	for _, x := range scene.Targets(c, arn) {
		if !strings.Contains(planned, x.ID) {
			t.Errorf("target %s was not planned:\n%s", x.ID, planned)
		}
	}
	wait(t, c, "nothing to do", func() string {
		if out, status := lbc(t, c, "plan", "-n", ns, "--exit-code"); status != 0 || !strings.Contains(out, "elbv2.k8s.aws:"+
			ns+"/web: nothing to do\n") {
			return out
		}
		return ""
	})
	wait(t, c, "an explanation", func() string {
		out, status := lbc(t, c, "explain", "targetgroupbinding", ns+"/web")
		if status != 0 || strings.Count(out, "  pod web-") != 2 || !strings.Contains(out, "from 10.77.0.0/16  open\n") ||
			!strings.Contains(out, "Ready True Reconciled") || strings.Contains(out, "to be ") {
			return out
		}
		return ""
	})
}

// TestNodesComeAndGoWithTheLabelThatABindingSelects shows that labels of real Node objects and
// edits of the selector register and deregister instances.
func TestNodesComeAndGoWithTheLabelThatABindingSelects(t *testing.T) {
	if testing.Short() {
		t.Skip("each of its steps has a cheaper test; it shows them together in a cluster")
	}
	t.Parallel()
	c := cluster(t)
	const ns, label = "labelled", "example.com/pool"
	arn := targetGroup(t, c, ns, types.TargetTypeEnumInstance)
	nodes := c.Simulator.Seed().Cluster.Nodes
	t.Cleanup(func() { // the test's context, with which Kubectl runs, has ended
		for _, n := range nodes {
			_ = relabel(c, n.Name, label, "")
		}
	})
	set := func(node, value string) {
		t.Helper()
		if err := relabel(c, node, label, value); err != nil {
			t.Fatal(err)
		}
	}
	set(nodes[0].Name, "a")
	c.Apply(t, scene.Namespace(ns, 1)+bind(ns, "nodes", "targetGroupARN: "+arn+`, nodeSelector: {matchLabels: {`+
		label+`: a}}`))
	if got := scene.WaitTargets(t, c, arn, 1); got[0].ID != nodes[0].Instance {
		t.Errorf("target %s, want %s", got[0].ID, nodes[0].Instance)
	}
	set(nodes[1].Name, "a")
	scene.WaitTargets(t, c, arn, 2)
	set(nodes[0].Name, "b")
	if got := scene.WaitTargets(t, c, arn, 1); got[0].ID != nodes[1].Instance {
		t.Errorf("target %s, want %s", got[0].ID, nodes[1].Instance)
	}
	// The selector itself may change, too.
	scene.Change(t, c, bind(ns, "nodes", "targetGroupARN: "+arn+`, nodeSelector: {matchLabels: {`+label+`: b}}`))
	wait(t, c, "the other node", func() string {
		got := scene.Targets(c, arn)
		if len(got) != 1 || got[0].ID != nodes[0].Instance {
			return fmt.Sprint(got)
		}
		return ""
	})
	expectNoWarnings(t, c, ns)
}

// relabel sets a label of a node, or takes it away if the value is empty.
func relabel(c *harness.Cluster, node, label, value string) error {
	text := "null"
	if value != "" {
		text = `"` + value + `"`
	}
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%s}}}`, label, text)
	_, err := c.Client.CoreV1().Nodes().Patch(context.Background(), node, apitypes.MergePatchType, []byte(patch),
		metav1.PatchOptions{})
	return err
}

// TestPeerRuleOfBindingsKeepsStoredOnesEditable shows that the API server enforces the rule about
// peers, and still admits edits of a binding stored before the rule existed.
func TestPeerRuleOfBindingsKeepsStoredOnesEditable(t *testing.T) {
	if testing.Short() {
		t.Skip("each of its steps has a cheaper test; it shows them together in a cluster")
	}
	t.Parallel()
	c := cluster(t)
	const ns, crd = "peers", "targetgroupbindings.elbv2.k8s.aws"
	const rules = "/spec/versions/1/schema/openAPIV3Schema/properties/spec/properties/networking/properties/ingress/items/properties/from/items/x-kubernetes-validations"
	arn := targetGroup(t, c, ns, types.TargetTypeEnumIp)
	peers := func(name, from string) string {
		return bind(ns, name, fmt.Sprintf("targetGroupARN: %s, networking: {ingress: [{from: [%s], ports: []}]}", arn, from))
	}
	const both = "{ipBlock: {cidr: 10.9.0.0/16}, securityGroup: {groupID: sg-0123456789abcdef0}}"
	c.Apply(t, scene.Namespace(ns, 1))
	for from, says := range map[string]string{
		both:                                  "a peer is either an ipBlock or a securityGroup",
		"{}":                                  "a peer is either an ipBlock or a securityGroup",
		"{ipBlock: {cidr: 10.9.0.0}}":         "cidr in body should match",
		"{securityGroup: {groupID: backend}}": "groupID in body should match",
	} {
		if out := c.ApplyRefused(t, peers("refused", from)); !strings.Contains(out, says) {
			t.Errorf("%s is refused with %s", from, out)
		}
	}

	version := c.Kubectl(t, "get", "crd", crd, "-o", "jsonpath={.spec.versions[1].name}")
	if version != "v1beta1" {
		t.Fatalf("the second version is %s", version)
	}
	rule := c.Kubectl(t, "get", "crd", crd, "-o",
		"jsonpath={.spec.versions[1].schema.openAPIV3Schema.properties.spec.properties.networking.properties.ingress.items.properties.from.items.x-kubernetes-validations}")
	c.Kubectl(t, "patch", "crd", crd, "--type=json", "-p", fmt.Sprintf(`[{"op":"remove","path":%q}]`, rules))
	path := filepath.Join(t.TempDir(), "old.yaml")
	write(t, path, peers("old", both))
	c.WaitFor(t, "a binding as it could be stored before", func(context.Context) error {
		_, err := c.TryKubectl(t, "apply", "-f", path)
		return err
	})
	c.Kubectl(t, "patch", "crd", crd, "--type=json", "-p", fmt.Sprintf(`[{"op":"add","path":%q,"value":%s}]`, rules, rule))
	write(t, path, peers("refused", both))
	c.WaitFor(t, "the rule again", func(context.Context) error {
		if _, err := c.TryKubectl(t, "apply", "--dry-run=server", "-f", path); err == nil {
			return errors.New("it is admitted")
		}
		return nil
	})
	wait(t, c, "the condition", func() string {
		return differs("reason", scene.Query(t, c, "get", "targetgroupbinding", "-n", ns, "old", "-o",
			"jsonpath={.status.conditions[0].reason}"), "InvalidNetworking")
	})
	c.Kubectl(t, "patch", "targetgroupbinding", "-n", ns, "old", "--type=merge", "-p",
		`{"metadata":{"labels":{"edited":"yes"}},"spec":{"serviceRef":{"port":80}}}`)
	scene.WaitTargets(t, c, arn, 1)
	c.Kubectl(t, "delete", "targetgroupbinding", "-n", ns, "old", "--timeout="+harness.Timeout.String())
}
