package main

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/settings/inventoryscope"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lbc/cleanup"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// leftBehind is an account with load balancers, without their cluster, and the arguments that name it.
func leftBehind(t *testing.T) (awsclient.Clients, []string) {
	t.Helper()
	sim, clients := simulated(t)
	deploy(t, clients, "testdata/settings.yaml")
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	reached(t, server.URL)
	d := seed.Default()
	return clients, []string{"--no-cluster", "--cluster-name", d.Cluster.Name, "--aws-vpc-id", d.VPC.ID,
		"--aws-region", d.Region}
}

// reached has commands take a simulator for AWS.
func reached(t *testing.T, url string) {
	t.Helper()
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "the-secret-key", "AWS_ENDPOINT_URL": url,
		"AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE":           "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		t.Setenv(k, v)
	}
}

func TestWhatAClusterThatIsGoneHasLeftIsListedAndDeleted(t *testing.T) {
	clients, account := leftBehind(t)
	d := seed.Default()
	before, err := clients.ELBV2.DescribeLoadBalancers(t.Context(), &elbv2.DescribeLoadBalancersInput{})
	if err != nil || len(before.LoadBalancers) == 0 {
		t.Fatalf("%d load balancers, %v", len(before.LoadBalancers), err)
	}
	// One of another cluster with a name that is alike.
	tag := func(k, v string) elbv2types.Tag { return elbv2types.Tag{Key: &k, Value: &v} }
	foreign, err := clients.ELBV2.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String("k8s-foreign"), VpcId: &d.VPC.ID, Port: aws.Int32(80), Protocol: elbv2types.ProtocolEnumHttp,
		TargetType: elbv2types.TargetTypeEnumIp,
		Tags: []elbv2types.Tag{tag(naming.ClusterTag, "another"), tag("ingress.k8s.aws/stack", "default/web"),
			tag("ingress.k8s.aws/resource", "web:80")},
	})
	if err != nil {
		t.Fatal(err)
	}
	// The rules that a controller wrote into the nodes' security group refer to groups that go; AWS deletes none of these
	// before.
	nodes := groupLetting(t, clients, d.VPC.ID)

	out, errOut, err := lbc(t, "", append([]string{"orphans"}, account...)...)
	var code exitCode
	if !errors.As(err, &code) || code != exitWarnings {
		t.Fatalf("%v: %s%s", err, out, errOut)
	}
	for _, want := range []string{"ingress.k8s.aws/stack=", "elbv2.k8s.aws:backend-sg",
		"delete  lbc cleanup --stack ingress.k8s.aws:", "--no-cluster", "keep    aws elbv2 remove-tags --resource-arns arn:",
		"there is no Ingress"} {
		if !strings.Contains(out, want) {
			t.Errorf("the list lacks %q:\n%s", want, out)
		}
	}

	// Without consent nothing goes.
	out, _, err = lbc(t, "no\n", append([]string{"cleanup", "--all"}, account...)...)
	if err == nil || err.Error() != "nothing was deleted" || !strings.Contains(out, "DeleteLoadBalancer") {
		t.Errorf("%v:\n%s", err, out)
	}
	if now, err := clients.ELBV2.DescribeLoadBalancers(t.Context(), &elbv2.DescribeLoadBalancersInput{}); err != nil ||
		len(now.LoadBalancers) != len(before.LoadBalancers) {
		t.Fatalf("%d of %d load balancers, %v", len(now.LoadBalancers), len(before.LoadBalancers), err)
	}

	out, errOut, err = lbc(t, "", append([]string{"cleanup", "--all", "--yes"}, account...)...)
	if err != nil {
		t.Fatalf("%v:\n%s%s", err, out, errOut)
	}
	after, err := clients.ELBV2.DescribeLoadBalancers(t.Context(), &elbv2.DescribeLoadBalancersInput{})
	if err != nil || len(after.LoadBalancers) != 0 {
		t.Errorf("%d load balancers are left, %v", len(after.LoadBalancers), err)
	}
	groups, err := clients.ELBV2.DescribeTargetGroups(t.Context(), &elbv2.DescribeTargetGroupsInput{})
	if err != nil || len(groups.TargetGroups) != 1 || aws.ToString(groups.TargetGroups[0].TargetGroupArn) != aws.ToString(
		foreign.TargetGroups[0].TargetGroupArn) {
		t.Errorf("target groups are left, or the foreign one is gone: %v, %v", groups.TargetGroups, err)
	}
	left, err := clients.EC2.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range left.SecurityGroups {
		for _, x := range g.Tags {
			if aws.ToString(x.Key) == naming.ClusterTag {
				t.Errorf("security group %s is left", aws.ToString(g.GroupName))
			}
		}
		if aws.ToString(g.GroupId) == nodes && len(g.IpPermissions) != 1 {
			t.Errorf("of the nodes' group %d rules are left, want that of the user: %v", len(g.IpPermissions), g.IpPermissions)
		}
	}

	// A second run finds nothing.
	if out, errOut, err = lbc(t, "", append([]string{"cleanup", "--all", "--yes"}, account...)...); err != nil ||
		!strings.Contains(out, "nothing to delete") {
		t.Errorf("%v:\n%s%s", err, out, errOut)
	}
	if out, errOut, err = lbc(t, "", append([]string{"orphans"}, account...)...); err != nil {
		t.Errorf("%v:\n%s%s", err, out, errOut)
	}
}

// TestALoadBalancerThatIsToStayIsDeletedByItsNameOnly marks one of a cluster that is gone, as a deletion policy does.
func TestALoadBalancerThatIsToStayIsDeletedByItsNameOnly(t *testing.T) {
	clients, account := leftBehind(t)
	names := func() (out []string) {
		t.Helper()
		all, err := clients.ELBV2.DescribeLoadBalancers(t.Context(), &elbv2.DescribeLoadBalancersInput{})
		if err != nil {
			t.Fatal(err)
		}
		for _, lb := range all.LoadBalancers {
			out = append(out, aws.ToString(lb.LoadBalancerArn))
		}
		return out
	}
	before := names()
	if len(before) != 1 {
		t.Fatalf("%d load balancers", len(before))
	}
	if _, err := clients.ELBV2.AddTags(t.Context(), &elbv2.AddTagsInput{ResourceArns: before[:1], Tags: []elbv2types.Tag{
		{Key: aws.String(naming.RetainedTag), Value: aws.String("true")}}}); err != nil {
		t.Fatal(err)
	}
	out, errOut, err := lbc(t, "", append([]string{"cleanup", "--all", "--yes"}, account...)...)
	if left := names(); err != nil || !slices.Equal(left, before[:1]) {
		t.Fatalf("left: %v, want %s: %v\n%s%s", left, before[0], err, out, errOut)
	}
	out, errOut, err = lbc(t, "", append([]string{"orphans"}, account...)...)
	_, command, listed := strings.Cut(out, "retained: load balancer ")
	_, command, _ = strings.Cut(command, "lbc cleanup --stack ")
	command, _, _ = strings.Cut(command, " ")
	if !listed || command == "" {
		t.Fatalf("%v\n%s%s", err, out, errOut)
	}
	out, errOut, err = lbc(t, "", append([]string{"cleanup", "--stack", command, "--yes"}, account...)...)
	if left := names(); err != nil || len(left) > 0 {
		t.Errorf("left: %v: %v\n%s%s", left, err, out, errOut)
	}
}

// TestCleanupKeepsBindingsOfANewName has the TargetGroupBindings of a stack that the cluster has under two names. Those
// of the other name serve.
func TestCleanupKeepsBindingsOfANewName(t *testing.T) {
	t.Parallel()
	_, clients := simulated(t)
	deploy(t, clients, "testdata/settings.yaml")
	d := seed.Default()
	c := config.Config{ClusterName: d.Cluster.Name, Region: d.Region, VPC: d.VPC.ID}
	created, err := clients.ELBV2.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String("renamed"), TargetType: "ip", Protocol: "HTTP", Port: aws.Int32(80), VpcId: &c.VPC,
		Tags: []elbv2types.Tag{{Key: aws.String(naming.ClusterTag), Value: aws.String("another-name")}}})
	if err != nil {
		t.Fatal(err)
	}
	a := cleanup.Account{Cluster: c.ClusterName, VPC: c.VPC, Clients: clients,
		Inventory: inventory.New(clients, inventoryscope.Of(&c))}
	held, _, err := a.Held(t.Context())
	if err != nil || len(held) == 0 {
		t.Fatalf("%v: %v", held, err)
	}
	all, err := clients.ELBV2.DescribeTargetGroups(t.Context(), &elbv2.DescribeTargetGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var bindings []awsop.Binding
	var key stack.Key
	for _, g := range all.TargetGroups {
		arn := aws.ToString(g.TargetGroupArn)
		if owner, _ := a.Inventory.KnownOwner(arn); !owner.External() {
			key = owner.Stack
		} else if arn != aws.ToString(created.TargetGroups[0].TargetGroupArn) {
			continue
		}
		bindings = append(bindings, awsop.Binding{Binding: stack.Binding{Namespace: "web",
			Name: aws.ToString(g.TargetGroupName), TargetGroup: stack.Literal(stack.KindTargetGroup, arn)}})
	}
	a.Bindings = func(context.Context, stack.Key) ([]awsop.Binding, error) { return slices.Clone(bindings), nil }
	p, err := a.Plan(t.Context(), key)
	deleted := 0
	for _, s := range p.Steps {
		if op, ok := s.Op.(awsop.DeleteBinding); ok {
			if deleted++; op.ObjectName == "renamed" {
				t.Error("the binding of the new load balancer is deleted")
			}
		}
	}
	if err != nil || len(bindings) < 2 || deleted != len(bindings)-1 {
		t.Errorf("%d of %d bindings are deleted: %v\n%s", deleted, len(bindings), err, p.Text(plan.TextOptions{}))
	}
}

// groupLetting is a security group that lets the groups of load balancers in, as a controller has it, and one range of
// a user.
func groupLetting(t *testing.T, clients awsclient.Clients, vpc string) string {
	t.Helper()
	made, err := clients.EC2.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String("nodes"),
		Description: aws.String("nodes"), VpcId: &vpc})
	if err != nil {
		t.Fatal(err)
	}
	all, err := clients.EC2.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	in := &ec2.AuthorizeSecurityGroupIngressInput{GroupId: made.GroupId, IpPermissions: []ec2types.IpPermission{
		{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(22), ToPort: aws.Int32(22), IpRanges: []ec2types.IpRange{
			{CidrIp: aws.String("10.0.0.0/8"), Description: aws.String("of a user")}}},
	}}
	for _, g := range all.SecurityGroups {
		if naming.IsBackendGroup(seed.Default().Cluster.Name, aws.ToString(g.GroupName), aws.ToString(g.Description),
			awsclient.ComputeTags(g.Tags)) {
			in.IpPermissions = append(in.IpPermissions, ec2types.IpPermission{IpProtocol: aws.String("tcp"),
				FromPort: aws.Int32(8080), ToPort: aws.Int32(8080),
				UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: g.GroupId, Description: aws.String(sgsync.Label)}}})
		}
	}
	if len(in.IpPermissions) != 2 {
		t.Fatal("there is no shared backend security group")
	}
	if _, err := clients.EC2.AuthorizeSecurityGroupIngress(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return aws.ToString(made.GroupId)
}

// TestWhatServesOutsideOfTheClusterIsListedAsSuchAndNotDeleted gives a target group that a cluster left a healthy
// target: another cluster has registered it.
func TestWhatServesOutsideOfTheClusterIsListedAsSuchAndNotDeleted(t *testing.T) {
	clients, account := leftBehind(t)
	groups, err := clients.ELBV2.DescribeTargetGroups(t.Context(), &elbv2.DescribeTargetGroupsInput{})
	if err != nil || len(groups.TargetGroups) == 0 {
		t.Fatalf("%d target groups, %v", len(groups.TargetGroups), err)
	}
	if _, err := clients.ELBV2.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{
		TargetGroupArn: groups.TargetGroups[0].TargetGroupArn, Targets: []elbv2types.TargetDescription{
			{Id: aws.String("10.0.140.9"), Port: aws.Int32(8080)}},
	}); err != nil {
		t.Fatal(err)
	}
	out, errOut, err := lbc(t, "", append([]string{"orphans"}, account...)...)
	var code exitCode
	if !errors.As(err, &code) || code != exitWarnings ||
		!strings.Contains(out, "  serves  10.0.140.9: healthy, although you said that their cluster no longer exists: "+
			"another cluster may have the same name\n") {
		t.Errorf("%v: %s%s", err, out, errOut)
	}
	if out, _, _ = lbc(t, "", append([]string{"orphans", "-o", "json"}, account...)...); !strings.Contains(out,
		`"serving": [`) || !strings.Contains(out, `"10.0.140.9"`) {
		t.Errorf("it is not in the document:\n%s", out)
	}
	for _, selection := range []string{"--all", "--orphans"} {
		out, _, err = lbc(t, "", append([]string{"cleanup", selection, "--yes"}, account...)...)
		if err == nil || !strings.Contains(err.Error(), "10.0.140.9") || !strings.Contains(err.Error(),
			"--ignore-targets overrides this") || out != "" {
			t.Errorf("%s: %v\n%s", selection, err, out)
		}
	}
	if out, errOut, err = lbc(t, "", append([]string{"cleanup", "--all", "--yes", "--ignore-targets"},
		account...)...); err != nil {
		t.Errorf("%v:\n%s%s", err, out, errOut)
	}
	if left, err := clients.ELBV2.DescribeLoadBalancers(t.Context(), &elbv2.DescribeLoadBalancersInput{}); err != nil ||
		len(left.LoadBalancers) > 0 {
		t.Errorf("%d load balancers are left, %v", len(left.LoadBalancers), err)
	}
}

func TestACleanupNeedsASelectionAndANameOfTheCluster(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"cleanup", "--no-cluster"}, "at least one of the flags in the group [stack orphans all] is required"},
		{[]string{"cleanup", "--all", "--orphans", "--no-cluster"}, "none of the others can be"},
		{[]string{"cleanup", "--all", "--no-cluster"}, "set --cluster-name"},
		{[]string{"cleanup", "--all", "--no-cluster", "--cluster-name", "demo"}, "set --aws-vpc-id"},
		{[]string{"orphans", "--no-cluster"}, "set --cluster-name"},
		{[]string{"orphans", "--timeout", "0s"}, "must be more than 0"},
	} {
		if out, _, err := lbc(t, "", c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v\n%s", c.args, err, out)
		}
	}
}
