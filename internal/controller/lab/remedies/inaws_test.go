package remedies

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// inAWS is a world with a finding whose remedy is in AWS.
type inAWS struct {
	on    string
	keys  []stack.Key
	begin func(t *testing.T) *lab.Lab
	cure  func(l *lab.Lab)
}

// TestFindingsEndWithTheirCauseInAWS cures findings in AWS by hand. No event tells the controller, which makes only the
// passes that it has asked for. What is cured is told within the hour, as the first success of the object.
func TestFindingsEndWithTheirCauseInAWS(t *testing.T) {
	t.Parallel()
	for code, x := range curedInAWS() {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			l := x.begin(t)
			before := 0
			l.Pass(70*time.Minute, []lab.Loop{once(l, 10*time.Minute, func() {
				if !l.Saw(x.on, "["+string(code)+"]") {
					t.Errorf("no such event:\n%s", strings.Join(l.Events, "\n"))
				}
				before = len(l.Events)
				x.cure(l)
			}), {Every: 10 * time.Second, Run: func(ctx context.Context) {
				_, err := l.Inventory.RereadTags(ctx)
				l.Must(err)
			}}}, x.keys...)
			if !slices.ContainsFunc(l.Events[before:], func(e string) bool {
				return strings.HasPrefix(e, x.on+" SuccessfullyReconciled")
			}) {
				t.Errorf("after the cure:\n%s", strings.Join(l.Events[before:], "\n"))
			}
		})
	}
}

// TestDoubtAboutSecurityGroupEndsWithItsCause has tags removed in AWS. The finding is a note, whose end no event tells.
// While it lasts, it causes no passes without end.
func TestDoubtAboutSecurityGroupEndsWithItsCause(t *testing.T) {
	t.Parallel()
	x := ofNetworking()[diag.SecurityGroupUnclear]
	l := x.begin(t)
	x.cause(l)
	b := &v1beta1.TargetGroupBinding{}
	l.Get(b, "bound")
	found := func() bool {
		list, _ := l.Bound.Networking.Findings(b)
		return slices.ContainsFunc(list, func(d diag.Diagnostic) bool { return d.Code == diag.SecurityGroupUnclear })
	}
	l.Pass(70*time.Minute, []lab.Loop{once(l, 10*time.Minute, func() {
		if !found() {
			t.Error("no such finding")
		}
		x.follow(l)
	})})
	if found() {
		t.Error("the finding outlives its cause")
	}
}

// once is a loop that does something once, after a while.
func once(l *lab.Lab, after time.Duration, do func()) lab.Loop {
	at, done := l.Clock.Now().Add(after), false
	return lab.Loop{Every: time.Minute, Run: func(context.Context) {
		if !done && !l.Clock.Now().Before(at) {
			done = true
			do()
		}
	}}
}

// forwarding is an Ingress that forwards to a target group of the name that lab.TargetGroup gives.
func forwarding() *networkingv1.Ingress {
	i := lab.Ingress("web", map[string]string{"actions.split": `{"type":"forward","targetGroupName":"theirs"}`}, "split")
	i.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Port.Name = "use-annotation"
	i.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Port.Number = 0
	return i
}

func curedInAWS() map[diag.Code]inAWS {
	ofWeb := func(annotations map[string]string) func(t *testing.T) *lab.Lab {
		return begin(lab.Class(), lab.Service("web"), lab.Ingress("web", annotations, "web"))
	}
	const edge = "Gateway shop/edge"
	name := func(l *lab.Lab, id, as string) {
		_, err := l.Sim.Compute.CreateTags(l.Context(), &ec2.CreateTagsInput{Resources: []string{id}, Tags: []ec2types.Tag{
			{Key: aws.String("Name"), Value: &as}}})
		l.Must(err)
	}
	return map[diag.Code]inAWS{
		diag.InvalidSubnets: {on: web, keys: webKeys(), begin: ofWeb(map[string]string{"subnets": "later-a,later-b"}),
			cure: func(l *lab.Lab) {
				name(l, "subnet-0a1de0000000000a1", "later-a")
				name(l, "subnet-0a1de0000000000b1", "later-b")
			}},
		diag.SecurityGroupNotFound: {on: web, keys: webKeys(), begin: ofWeb(map[string]string{"security-groups": "later"}),
			cure: func(l *lab.Lab) { name(l, l.SecurityGroup("later"), "later") }},
		diag.WebACLNotFound: {on: web, keys: webKeys(), begin: ofWeb(map[string]string{"wafv2-acl-name": "guard"}),
			cure: func(l *lab.Lab) {
				_, err := l.Sim.Firewall.CreateWebACL(l.Context(), &wafv2.CreateWebACLInput{Name: aws.String("guard"),
					Scope:            waftypes.ScopeRegional,
					DefaultAction:    &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}},
					VisibilityConfig: &waftypes.VisibilityConfig{MetricName: aws.String("guard")}})
				l.Must(err)
			}},
		diag.TargetGroupNotFound: {on: web, keys: webKeys(), begin: func(t *testing.T) *lab.Lab {
			t.Helper()
			l := lab.New(t, account.Profile{}, lab.Class())
			l.Flags("--external-target-groups=shop=*")
			l.Restart()
			l.Create(forwarding())
			return l
		}, cure: func(l *lab.Lab) { l.TargetGroup(elbtypes.TargetTypeEnumIp) }},
		diag.RefNotPermitted: {on: web, keys: webKeys(), begin: func(t *testing.T) *lab.Lab {
			t.Helper()
			l := lab.New(t, account.Profile{}, lab.Class())
			tags := &elbv2.AddTagsInput{ResourceArns: []string{l.TargetGroup(elbtypes.TargetTypeEnumIp)}}
			for k, v := range map[string]string{"elbv2.k8s.aws/cluster": "demo-cluster",
				"ingress.k8s.aws/stack": "shop/old", "ingress.k8s.aws/resource": "shop/old-app:80",
				"service.k8s.aws/stack": "blog/web", "service.k8s.aws/resource": "blog/web:80"} {
				tags.Tags = append(tags.Tags, elbtypes.Tag{Key: &k, Value: &v})
			}
			_, err := l.Sim.Balancing.AddTags(l.Context(), tags)
			l.Must(err)
			l.Create(forwarding())
			return l
		}, cure: func(l *lab.Lab) {
			_, err := l.Sim.Balancing.RemoveTags(l.Context(), &elbv2.RemoveTagsInput{ResourceArns: []string{
				l.Sim.Resources().TargetGroups[0].ARN}, TagKeys: []string{"service.k8s.aws/stack", "service.k8s.aws/resource"}})
			l.Must(err)
		}},
		diag.TrustStoreNotFound: {on: web, keys: webKeys(), begin: verifying, cure: createTrustStore},
		diag.AddressNotUsable: {on: edge, keys: []stack.Key{lab.GatewayKey(stack.GatewayNLB, "edge")},
			begin: func(t *testing.T) *lab.Lab {
				t.Helper()
				l := lab.NewGateway(t, lab.GatewayClasses+`
LoadBalancerConfiguration shop/edge {spec: {scheme: internet-facing}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
Gateway shop/edge {spec: {gatewayClassName: nlb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: edge}}, addresses: [{value: 198.51.100.11}, {value: 198.51.100.12}, {value: 198.51.100.13}], listeners: [{name: tcp, port: 80, protocol: TCP}]}}
TCPRoute shop/edge {spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
				_, err := l.Sim.Compute.AssociateAddress(l.Context(), &ec2.AssociateAddressInput{
					PublicIp: aws.String("198.51.100.12"), InstanceId: aws.String("i-0a1de0000000000a1")})
				l.Must(err)
				return l
			},
			cure: func(l *lab.Lab) {
				_, err := l.Sim.Compute.DisassociateAddress(l.Context(), &ec2.DisassociateAddressInput{
					PublicIp: aws.String("198.51.100.12")})
				l.Must(err)
			}},
		diag.QuotaExceeded: {on: web, keys: webKeys(), begin: func(t *testing.T) *lab.Lab {
			t.Helper()
			l := ofWeb(nil)(t)
			l.Must(l.Sim.Account.SetQuota("application-load-balancers", 0))
			return l
		}, cure: func(l *lab.Lab) { l.Must(l.Sim.Account.SetQuota("application-load-balancers", 5)) }},
	}
}
