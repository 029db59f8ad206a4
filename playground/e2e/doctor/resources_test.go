package doctor

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/state"
)

var listAll = metav1.ListOptions{}

// controllerKey is the access key that the environment gives its controller.
const controllerKey = "AKIAPLAYGROUND000001"

// deny has AWS deny an action to an access key until the end of the test.
func deny(t *testing.T, c *harness.Cluster, key, action string) {
	t.Helper()
	name := "deny-" + strings.ReplaceAll(action, ":", "-")
	document :=
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "` + action + `", "Resource": "*"}]}`
	if err := c.Simulator.PutPolicy(name, []byte(document)); err != nil {
		t.Fatal(err)
	}
	attached := []simclient.Attachment{{Policy: name, AccessKey: key}}
	if err := c.Simulator.ChangeIAM(simclient.IAMChange{Attach: attached}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Simulator.ChangeIAM(simclient.IAMChange{Detach: attached}); err != nil {
			t.Error(err)
		}
	})
}

func deregister(t *testing.T, c *harness.Cluster, group string, target simclient.Target) {
	t.Helper()
	_, err := c.Simulator.Balancing.DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: &group,
		Targets: []types.TargetDescription{{Id: &target.ID, Port: &target.Port}}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAnActionThatLbcIsDeniedIsNamed shows that lbc doctor names an AWS action that is denied to
// itself and the checks that need it.
func TestAnActionThatLbcIsDeniedIsNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	deny(t, c, state.UserKey, "elasticloadbalancing:DescribeRules")
	f := found(t, c, trouble{check: "unreadable", severity: "warning", object: "listeners",
		evidence: "AWS denies elasticloadbalancing:DescribeRules"})
	if !strings.Contains(strings.Join(f.Evidence, " "), "certificate-expiring") {
		t.Errorf("%v", f)
	}
}

// TestAnAccountThatIsNotReachedIsFound shows that lbc doctor reports an account it cannot reach,
// and examines the cluster alone with --offline.
func TestAnAccountThatIsNotReachedIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	f := found(t, c, trouble{check: "unreadable", severity: "error", object: "account", evidence: "GetCallerIdentity",
		env: []string{"AWS_ENDPOINT_URL=http://127.0.0.1:1"}})
	if !strings.Contains(f.Remedy, "the network path to the endpoint") {
		t.Errorf("%v", f)
	}
	r, status := examine(t, c, []string{"AWS_ENDPOINT_URL=http://127.0.0.1:1"}, "--offline")
	if status != 0 || !r.Healthy {
		t.Errorf("status %d: %v", status, r.Findings)
	}
}

// TestAWrongVPCAndNameAreFound shows that lbc doctor finds a wrong VPC, subnets without addresses
// and a wrong or shared cluster name in a live account.
func TestAWrongVPCAndNameAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	a := c.Simulator.Account
	const second, small = "vpc-0a1de000000000002", "subnet-0a1de0000000000d1"
	a.Lock()
	err := a.AddVPC(&vpc.VPC{ID: second, CIDRs: []vpc.CIDR{{Prefix: netip.MustParsePrefix("10.1.0.0/16")}}})
	if err == nil {
		err = a.AddSubnet(&vpc.Subnet{ID: small, VPC: second, Zone: "us-west-2a", CIDR: netip.MustParsePrefix("10.1.0.0/28"),
			Tags: map[string]string{"kubernetes.io/role/internal-elb": "1"}})
	}
	for range 5 {
		if err == nil {
			_, err = a.AddInstance(&vpc.Instance{}, small, nil, netip.Addr{})
		}
	}
	a.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	in := []string{"--aws-vpc-id", second}
	for _, x := range []trouble{
		{check: "vpc-missing", severity: "error", object: "vpc-00000000000000000", args: []string{
			"--aws-vpc-id", "vpc-00000000000000000"}},
		{check: "vpc-differs", severity: "error", object: c.Simulator.Seed().VPC.ID, evidence: "3 nodes in this VPC",
			args: in},
		{check: "subnets-unusable", severity: "warning", object: "internal application",
			evidence: "dropped: 6 free addresses, fewer than 8", args: in},
		{check: "subnet-addresses", severity: "warning", object: small, evidence: "6 free addresses of at least 8", args: in},
		{check: "cluster-name-differs", severity: "error", object: "cluster name other", evidence: "TargetGroupBinding well/",
			args: []string{"--cluster-name", "other"}},
	} {
		found(t, c, x)
	}
	group(t, c, second, "elsewhere", "elsewhere/web")
	found(t, c, trouble{check: "cluster-name-shared", severity: "error", object: second, evidence: "elsewhere"})
}

// group makes a target group with the tags of a stack.
func group(t *testing.T, c *harness.Cluster, in, name, stack string) {
	t.Helper()
	tag := func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }
	made := &elb.CreateTargetGroupInput{Name: &name, VpcId: &in, Port: aws.Int32(80), Protocol: types.ProtocolEnumHttp,
		TargetType: types.TargetTypeEnumIp}
	if stack != "" {
		made.Tags = []types.Tag{tag("elbv2.k8s.aws/cluster", c.Simulator.Seed().Cluster.Name),
			tag("ingress.k8s.aws/stack", stack), tag("ingress.k8s.aws/resource", stack+":80")}
	}
	out, err := c.Simulator.Balancing.CreateTargetGroup(t.Context(), made)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = c.Simulator.Balancing.DeleteTargetGroup(t.Context(), &elb.DeleteTargetGroupInput{
			TargetGroupArn: out.TargetGroups[0].TargetGroupArn})
	})
}

// TestWhatADeletionHasLeftIsFound shows that lbc doctor finds a target group in AWS whose object is
// gone.
func TestWhatADeletionHasLeftIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	t.Parallel()
	c := cluster(t)
	group(t, c, c.Simulator.Seed().VPC.ID, "left", "left/web")
	found(t, c, trouble{check: "orphaned", severity: "warning", object: "ingress.k8s.aws:left/web",
		evidence: "TargetGroup left"})
}

// TestAnActionThatTheControllerIsDeniedIsNamed shows that lbc doctor names an AWS action from the
// events that the running controller writes when AWS denies it.
func TestAnActionThatTheControllerIsDeniedIsNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	t.Parallel()
	c := cluster(t)
	deny(t, c, controllerKey, "elasticloadbalancing:ModifyListenerAttributes")
	const ns = "denied"
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, scene.Annotations{
		"listener-attributes.HTTP-80": "routing.http.response.server.enabled=false"}))
	found(t, c, trouble{check: "controller-denied", severity: "error",
		object: "elasticloadbalancing:ModifyListenerAttributes", evidence: "Ingress denied/web"})
}

// TestANodeWithTwoGroupsOfTheClusterIsFound shows that lbc doctor finds a Node whose network
// interface has two security groups of the cluster. No pod is on the node.
func TestANodeWithTwoGroupsOfTheClusterIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	t.Parallel()
	c := cluster(t)
	a, seeded := c.Simulator.Account, c.Simulator.Seed()
	const id = "i-0a1de0000000000d1"
	a.Lock()
	more, err := a.NewSecurityGroup(seeded.VPC.ID, "sg-0a1de0000000000d1", "second", "second")
	if err == nil {
		more.Tags = map[string]string{"kubernetes.io/cluster/" + seeded.Cluster.Name: "owned"}
		_, err = a.AddInstance(&vpc.Instance{ID: id}, "subnet-0a1de0000000000a2", []string{"sg-0a1de000000000001", more.ID},
			netip.Addr{})
	}
	a.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(t, "apiVersion: v1\nkind: Node\nmetadata: {name: double}\nspec: {providerID: \"aws:///us-west-2a/"+id+
		"\", unschedulable: true}\n")
	found(t, c, trouble{check: "security-group-ambiguous", severity: "warning", object: "Node double",
		evidence: "adds its rules to sg-0a1de000000000001"})
}

// TestTroublesOfTrafficAreFound shows that lbc doctor finds unhealthy targets, expiring
// certificates, missing gates and uncovered zones in live load balancers.
func TestTroublesOfTrafficAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	t.Parallel()
	c := cluster(t)
	const (
		shop    = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de002-0000-4000-8000-000000000002"
		outside = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de003-0000-4000-8000-000000000003"
	)
	ip := func(more scene.Annotations) scene.Annotations {
		more["target-type"] = "ip"
		return more
	}
	a := c.Simulator.Account
	a.Lock()
	was := *a.Certificates[outside]
	a.Certificates[outside].NotBefore = time.Now().AddDate(-1, 0, 0) // ten days are in its last quarter
	a.Certificates[outside].NotAfter = time.Now().Add(10*24*time.Hour + time.Hour)
	a.Unlock()
	t.Cleanup(func() {
		a.Lock()
		defer a.Unlock()
		a.Certificates[outside].NotBefore, a.Certificates[outside].NotAfter = was.NotBefore, was.NotAfter
	})
	for _, x := range []struct {
		name, manifests string
		after           func(t *testing.T, ns string)
		trouble         trouble
	}{
		{"unwell", scene.Ingress("unwell", "web", scene.Class, ip(scene.Annotations{"healthcheck-port": "1"})), nil,
			trouble{check: "targets-unhealthy", severity: "error", object: "k8s-unwell-web", evidence: "1 of 1 targets"}},
		{
			"ending", scene.Ingress("ending", "web", scene.Class, ip(scene.Annotations{"certificate-arn": outside}),
				scene.Path{Host: "api.example.org", Path: "/"}), nil,
			trouble{check: "certificate-expiring", severity: "warning", object: outside, evidence: "10 days"},
		},
		{
			"naked", scene.Ingress("naked", "web", scene.Class, ip(scene.Annotations{"certificate-arn": shop}),
				scene.Path{Host: "other.example.com", Path: "/"}), nil,
			trouble{check: "certificate-not-covering", severity: "warning", object: "Ingress naked/web",
				evidence: "other.example.com"},
		},
		{
			"ungated", scene.Ingress("ungated", "web", scene.Class, ip(scene.Annotations{})), func(t *testing.T, ns string) {
				c.IngressAddress(t, ns, "web")
				c.Kubectl(t, "label", "namespace", ns, "elbv2.k8s.aws/pod-readiness-gate-inject=enabled")
			},
			trouble{check: "readiness-gate-missing", severity: "warning", object: "Service ungated/web",
				evidence: "1 pod without"},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c.Apply(t, scene.Namespace(x.name, 1)+x.manifests)
			if x.after != nil {
				x.after(t, x.name)
			}
			found(t, c, x.trouble)
		})
	}
	t.Run("abrupt", func(t *testing.T) {
		t.Parallel()
		abrupt := strings.Replace(scene.Backend("abrupt", "web", 1), "        lifecycle: {preStop: {sleep: {seconds: 2}}}\n",
			"", 1)
		c.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: abrupt}\n---\n"+abrupt+scene.Ingress("abrupt", "web",
			scene.Class, ip(scene.Annotations{})))
		found(t, c, trouble{check: "termination-abrupt", severity: "note", object: "Service abrupt/web",
			evidence: "terminationGracePeriodSeconds is 5"})
	})
	t.Run("zone", func(t *testing.T) {
		t.Parallel()
		const ns = "farzone"
		c.Apply(t, fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n", ns)+scene.InZone("us-west-2c",
			scene.Backend(ns, "web", 1))+
			scene.Ingress(ns, "web", scene.Class, ip(scene.Annotations{"subnets": "subnet-0a1de0000000000a2, " +
				"subnet-0a1de0000000000b2"})))
		found(t, c, trouble{check: "zone-uncovered", severity: "warning", object: "target group k8s-farzone-web",
			evidence: "us-west-2c"})
	})
}
