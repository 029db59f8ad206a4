package inbound

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestInvalidBindingKeepsOnlyRulesThatMayBeItsOwn breaks a binding and starts anew, where rules of
// former bindings are left.
func TestInvalidBindingKeepsOnlyRulesThatMayBeItsOwn(t *testing.T) {
	t.Parallel()
	byName := func(b *v1beta1.TargetGroupBinding) {
		b.Spec.Networking.Ingress[0].Ports[0].Port = ptr.To(intstr.FromString("web"))
	}
	for name, c := range map[string]struct {
		wrong func(*v1beta1.TargetGroupBinding)
		says  string
		code  string
		keeps []string
	}{
		"a bad CIDR": {func(b *v1beta1.TargetGroupBinding) {
			b.Spec.Networking.Ingress[0].From = []v1beta1.NetworkingPeer{{IPBlock: &v1beta1.IPBlock{CIDR: "10.0.0.0/33"}}}
		}, `ipBlock.cidr "10.0.0.0/33" is not a CIDR (spec.networking.ingress[0].from[0])`, "InvalidNetworking",
			[]string{lab.Peer + " 8080-8080"}},
		"a port that the pod does not have": {
			byName, "no container of these pods has a port named web: shop/web-a-0 (spec.networking.ingress[0].ports[0].port)",
			"InvalidNetworking", []string{lab.Peer + " 7070-7070", lab.Peer + " 8080-8080"}},
		"a port by name of nobody knows whom": {func(b *v1beta1.TargetGroupBinding) {
			byName(b)
			b.Spec.IamRoleArnToAssume = "arn:aws:iam::210987654321:role/targets"
		}, "not allowed to assume role", "RoleNotAllowed", []string{lab.Peer + " 7070-7070", lab.Peer + " 8080-8080"}},
		"a finalizer that a policy forbids": {func(b *v1beta1.TargetGroupBinding) { b.Finalizers = nil },
			"a policy forbids it", "FinalizerNotAdded", []string{lab.Peer + " 8080-8080"}},
	} {
		l, b := lab.BoundLab(t)
		former := l.SecurityGroup("former")
		for source, port := range map[string]int32{lab.Peer: 7070, former: 9090} {
			_, err := l.Sim.Compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
				GroupId: aws.String(lab.NodeGroup), IpPermissions: []ec2types.IpPermission{{
					IpProtocol: aws.String("tcp"), FromPort: aws.Int32(port), ToPort: aws.Int32(port),
					UserIdGroupPairs: []ec2types.UserIdGroupPair{
						{GroupId: aws.String(source), Description: aws.String("elbv2.k8s.aws/targetGroupBinding=shared")}},
				}}})
			l.Must(err)
		}
		l.Get(b, "bound")
		c.wrong(b)
		l.Must(l.Client.Update(t.Context(), b))
		l.Restart()
		l.Bound.Writes.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
			Patch: func(ctx context.Context, inner client.WithWatch, o client.Object, p client.Patch,
				opts ...client.PatchOption) error {
				return errors.New("a policy forbids it")
			},
		})
		for range 3 {
			_, _ = l.Round() // the finalizer is an error
		}
		if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, c.keeps) {
			t.Errorf("%s: rules %v, want %v", name, got, c.keeps)
		}
		if got := strings.Join(l.Events, "\n"); strings.Count(got, c.says) != 1 {
			t.Errorf("%s: told\n%s", name, got)
		}
		if got := strings.Join(l.Events, "\n"); strings.Count(got, "["+c.code+"]") != 1 ||
			strings.Contains(got, "[EndpointNotResolved]") {
			t.Errorf("%s: told\n%s\nwant it as %s", name, got, c.code)
		}
	}
}

func TestWhatIsRightInABindingsNetworkingIsGrantedBesideAMistake(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	l.Flags("--binding-networking=any-port")
	l.Get(b, "bound")
	in := &b.Spec.Networking.Ingress[0]
	in.From = append(in.From, v1beta1.NetworkingPeer{})
	in.Ports = append(in.Ports, v1beta1.NetworkingPort{Port: ptr.To(intstr.FromInt32(9090))})
	l.Must(l.Client.Update(t.Context(), b))
	l.Settle()
	if got, want := l.Admitted(lab.NodeGroup), []string{lab.Peer + " 8080-8080", lab.Peer + " 9090-9090"}; !slices.Equal(
		got, want) {
		t.Errorf("rules %v, want %v", got, want)
	}
	l.ToldOnce("FailedNetworkReconcile: either ipBlock or securityGroup should be specified " +
		"(spec.networking.ingress[0].from[1])")
	l.Get(b, "bound")
	if c := meta.FindStatusCondition(b.Status.Conditions, "Ready"); c == nil || c.Status != metav1.ConditionFalse ||
		c.Reason != "InvalidNetworking" {
		t.Errorf("condition %+v", c)
	}
}

func TestRulesThatAWSRefusesAreReportedAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	l.Get(b, "bound")
	b.Spec.Networking.Ingress[0].From[0].SecurityGroup.GroupID = "sg-0a1de0000000000ff"
	l.Must(l.Client.Update(t.Context(), b))
	_, err := l.Round()
	l.Must(err)
	l.ToldOnce("InvalidGroup.NotFound")
	l.Get(b, "bound")
	if c := meta.FindStatusCondition(b.Status.Conditions, "Ready"); c == nil || c.Status != metav1.ConditionFalse ||
		c.Reason != "RulesNotWritten" {
		t.Errorf("condition %+v", c)
	}
	if got := strings.Join(l.Events, "\n"); !strings.Contains(got, "FailedNetworkReconcile: ") {
		t.Error(got)
	}
}

func TestAMistakeIsReportedThoughThereAreNoPods(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"))
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	b.Spec.Networking.Ingress[0].From = []v1beta1.NetworkingPeer{{IPBlock: &v1beta1.IPBlock{CIDR: "10.0.0.0"}}}
	l.Create(b)
	l.Settle()
	l.ToldOnce(`ipBlock.cidr "10.0.0.0" is not a CIDR`)
}

// TestEditToARangeThatIsNotAllowedTakesNothing edits a binding that serves: its source is replaced by the internet.
func TestEditToARangeThatIsNotAllowedTakesNothing(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	edit := func(from v1beta1.NetworkingPeer, want string) {
		t.Helper()
		l.Get(b, "bound")
		b.Generation++ // as the API server does
		b.Spec.Networking.Ingress[0].From = []v1beta1.NetworkingPeer{from}
		l.Must(l.Client.Update(t.Context(), b))
		l.Settle()
		if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, []string{want + " 8080-8080"}) {
			t.Errorf("rules %v, want %s", got, want)
		}
	}
	internet := v1beta1.NetworkingPeer{IPBlock: &v1beta1.IPBlock{CIDR: "0.0.0.0/0"}}
	edit(internet, lab.Peer)
	l.ToldOnce("[NetworkingNotAllowed]")
	other := l.SecurityGroup("other")
	edit(v1beta1.NetworkingPeer{SecurityGroup: &v1beta1.SecurityGroup{GroupID: other}}, other)
	edit(internet, other)
}
