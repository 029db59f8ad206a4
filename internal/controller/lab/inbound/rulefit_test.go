package inbound

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// apart are ranges of which no two can be joined, as an annotation has them.
func apart(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("10.%d.%d.0/24", i/100, 2*(i%100)))
	}
	return strings.Join(out, ",")
}

// managedRules are the numbers of inbound rules of the managed security groups of the load balancer of an Ingress or
// Service, in the order of their names.
func managedRules(l *lab.Lab) (out []int) {
	l.Helper()
	var names []string
	byName := map[string]int{}
	for _, g := range l.Sim.Resources().SecurityGroups {
		if strings.HasPrefix(cmp.Or(g.Tags["ingress.k8s.aws/resource"], g.Tags["service.k8s.aws/resource"]),
			"ManagedLBSecurityGroup") {
			names, byName[g.Name] = append(names, g.Name), len(g.Ingress)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		out = append(out, byName[n])
	}
	return out
}

func TestRangesBeyondGroupQuotaGetFurtherGroups(t *testing.T) {
	t.Parallel()
	listen := map[string]string{"listen-ports": `[{"HTTP":80},{"HTTP":8080}]`, "inbound-cidrs": apart(40)}
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", listen, "web"))
	l.Settle(lab.Key("web"))
	if got := managedRules(l); !slices.Equal(got, []int{60, 20}) {
		t.Errorf("groups with %v rules, want 60 and 20; told %v", got, l.Events)
	}
	if lb := l.Sim.Resources().LoadBalancers[0]; len(lb.SecurityGroups) != 3 {
		t.Errorf("the load balancer has security groups %v", lb.SecurityGroups)
	}
	mark := l.Mark()
	l.Restart()
	l.Settle(lab.Key("web"))
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("after a restart %v", writes)
	}
	ranges := func(list string) {
		l.Edit("web", func(i *networkingv1.Ingress) { i.Annotations["alb.ingress.kubernetes.io/inbound-cidrs"] = list })
	}
	l.Events, mark = nil, l.Mark()
	ranges(apart(400))
	for range 3 {
		_, _ = l.Round(lab.Key("web"))
	}
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("of 400 ranges %v is sent", writes)
	}
	l.ToldOnce("need 800 inbound rules, 400 of them for port 8080: they may have 240, as AWS allows 60 rules in " +
		"each of 4 groups")
	ranges(apart(10))
	l.Settle(lab.Key("web"))
	if got := managedRules(l); !slices.Equal(got, []int{20}) {
		t.Errorf("with 10 ranges again groups with %v rules, want one with 20", got)
	}
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("web", nil, "web")))
	l.Settle(lab.Key("web"))
	if got := managedRules(l); len(got) > 0 {
		t.Errorf("groups are left: %v", got)
	}
}

func TestRulesThatDoNotFitNodeGroupAreInBindingsCondition(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	l.Get(b, "bound")
	b.Spec.Networking.Ingress[0].From = nil
	for _, r := range strings.Split(apart(70), ",") {
		b.Spec.Networking.Ingress[0].From = append(b.Spec.Networking.Ingress[0].From, v1beta1.NetworkingPeer{
			IPBlock: &v1beta1.IPBlock{CIDR: r}})
	}
	l.Must(l.Client.Update(t.Context(), b))
	mark := l.Mark()
	for range 3 {
		_, _ = l.Round()
	}
	if writes := l.Writes(mark); slices.Contains(writes, "AuthorizeSecurityGroupIngress") {
		t.Errorf("%v is sent", writes)
	}
	l.Get(b, "bound")
	c := meta.FindStatusCondition(b.Status.Conditions, "Ready")
	if c == nil || c.Reason != "QuotaExceeded" ||
		!strings.Contains(c.Message, "inbound rules, and AWS allows 60 in a security group") ||
		!strings.Contains(c.Message, "--max-rules-per-security-group") {
		t.Errorf("condition %+v", c)
	}
}

func TestAPeerOfTwoKindsIsReportedAndAdmittedAsBefore(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	l.Get(b, "bound")
	b.Spec.Networking.Ingress[0].From[0].IPBlock = &v1beta1.IPBlock{CIDR: "10.9.0.0/16"}
	l.Must(l.Client.Update(t.Context(), b))
	l.Settle()
	l.Get(b, "bound")
	c := meta.FindStatusCondition(b.Status.Conditions, "Ready")
	if c == nil || c.Status != "False" || c.Reason != "InvalidNetworking" || !strings.Contains(c.Message, "only "+lab.Peer+
		" is admitted, and 10.9.0.0/16 is not") {
		t.Errorf("condition %+v", c)
	}
	if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, []string{lab.Peer + " 8080-8080"}) {
		t.Errorf("rules %v", got)
	}
}

func TestARuleWithoutPeersIsReportedBesideThoseThatAreWritten(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	l.Get(b, "bound")
	before := b.DeepCopy()
	b.Spec.Networking.Ingress = append(b.Spec.Networking.Ingress, v1beta1.NetworkingIngressRule{
		From: []v1beta1.NetworkingPeer{}, Ports: before.Spec.Networking.Ingress[0].Ports})
	l.Must(l.Client.Update(t.Context(), b))
	l.Settle()
	l.Get(b, "bound")
	c := meta.FindStatusCondition(b.Status.Conditions, "Ready")
	if c == nil || c.Status != "False" || c.Reason != "InvalidNetworking" ||
		!strings.Contains(c.Message, "the rule admits nobody (spec.networking.ingress[1].from); name peers") {
		t.Errorf("condition %+v", c)
	}
	if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, []string{lab.Peer + " 8080-8080"}) {
		t.Errorf("rules %v", got)
	}
}

func TestAmbiguousNodeGroupKeepsRulesAndIsReported(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	second := l.SecurityGroup("second")
	_, err := l.Sim.Compute.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{second}, Tags: []ec2types.Tag{
		{Key: aws.String("kubernetes.io/cluster/" + l.Config.ClusterName), Value: aws.String("owned")}}})
	l.Must(err)
	out, err := l.Sim.Compute.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{
		InstanceIds: []string{"i-0a1de0000000000a1"}})
	l.Must(err)
	_, err = l.Sim.Compute.ModifyNetworkInterfaceAttribute(t.Context(), &ec2.ModifyNetworkInterfaceAttributeInput{
		NetworkInterfaceId: out.Reservations[0].Instances[0].NetworkInterfaces[0].NetworkInterfaceId, Groups: []string{
			second, lab.NodeGroup}})
	l.Must(err)
	l.Events = nil
	mark := l.Mark()
	l.Restart()
	l.Settle()
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("%v is sent", writes)
	}
	l.Get(b, "bound")
	if c := meta.FindStatusCondition(b.Status.Conditions, "Ready"); c == nil || c.Status != "True" {
		t.Errorf("condition %+v", c)
	}
	l.ToldOnce("the controller adds its rules to "+lab.NodeGroup, "[SecurityGroupUnclear]")
}
