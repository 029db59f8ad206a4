package tenants

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestSourceThatEC2RefusesClosesNoPortOfOthers has a binding of another namespace name a source that is no security
// group, before a binding needs its first rule in the group of the nodes.
func TestSourceThatEC2RefusesClosesNoPortOfOthers(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	bind := func(namespace, address string) *v1beta1.TargetGroupBinding {
		tg, err := l.Sim.Balancing.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{Name: &namespace,
			Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: elbtypes.TargetTypeEnumIp,
			VpcId: aws.String(lab.VPC)})
		l.Must(err)
		b := lab.Binding(aws.ToString(tg.TargetGroups[0].TargetGroupArn), v1beta1.TargetTypeIP)
		b.Namespace = namespace
		for _, o := range lab.Pods("a", address) {
			o.SetNamespace(namespace)
			if slice, ok := o.(*discoveryv1.EndpointSlice); ok {
				slice.Endpoints[0].TargetRef.Namespace = namespace
			}
			l.Create(o)
		}
		return b
	}
	svc := lab.Service("web")
	svc.Namespace = "mal"
	evil := bind("mal", "10.0.128.60")
	evil.Spec.Networking.Ingress[0].From = []v1beta1.NetworkingPeer{{SecurityGroup: &v1beta1.SecurityGroup{
		GroupID: "nodes"}}}
	l.Create(svc, evil)
	l.Settle()
	l.Create(bind("shop", "10.0.128.50"))
	l.Settle()
	if got, want := l.Admitted(lab.NodeGroup), []string{lab.Peer + " 8080-8080"}; !slices.Equal(got, want) {
		t.Errorf("rules %v, want %v", got, want)
	}
}

// TestBindingOfAnotherKeepsNoRuleOpen has a binding of another namespace, which was never in service, ask for the rules
// of others.
func TestBindingOfAnotherKeepsNoRuleOpen(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(*v1beta1.TargetGroupBinding){
		"":              func(*v1beta1.TargetGroupBinding) {},
		"forged status": servedBefore,
		"status and mark": func(b *v1beta1.TargetGroupBinding) {
			servedBefore(b)
			b.Labels = map[string]string{"ingress.k8s.aws/stack-namespace": "mal", "ingress.k8s.aws/stack-name": "web"}
		},
		"status and name of a target group": func(b *v1beta1.TargetGroupBinding) {
			servedBefore(b)
			b.Name, b.Spec.TargetGroupARN = "theirs", strings.TrimSuffix(b.Spec.TargetGroupARN, "0")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, b := lab.BoundLab(t)
			_, err := l.Sim.Balancing.AddTags(t.Context(), &elbv2.AddTagsInput{ResourceArns: []string{b.Spec.TargetGroupARN},
				Tags: []elbtypes.Tag{{Key: aws.String("elbv2.k8s.aws/cluster"), Value: aws.String("demo-cluster")},
					{Key: aws.String("ingress.k8s.aws/stack"), Value: aws.String("shop/web")},
					{Key: aws.String("ingress.k8s.aws/resource"), Value: aws.String("shop/web-web:80")}}})
			l.Must(err)
			l.Checkpointed = true
			l.Restart()
			l.Must(l.Inventory.Load(t.Context()))
			l.Settle()
			l.Clock.Advance(time.Hour)
			evil := lab.Binding(b.Spec.TargetGroupARN+"0", v1beta1.TargetTypeIP)
			evil.Namespace, evil.Spec.ServiceRef.Name = "mal", "none"
			evil.Spec.Networking.Ingress[0].Ports = nil
			forge(evil)
			l.Create(evil)
			l.Settle()
			l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(b), b))
			b.Spec.Networking = nil
			l.Must(l.Client.Update(t.Context(), b))
			l.Settle()
			if got := l.Admitted(lab.NodeGroup); len(got) > 0 {
				t.Errorf("rules %v stay", got)
			}
		})
	}
}

// TestForgedStatusKeepsRulesForAnHour has the binding of another namespace exist when a process starts.
func TestForgedStatusKeepsRulesForAnHour(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	evil := lab.Binding(b.Spec.TargetGroupARN+"0", v1beta1.TargetTypeIP)
	evil.Namespace, evil.Spec.ServiceRef.Name = "mal", "none"
	evil.Spec.Networking.Ingress[0].Ports = nil
	servedBefore(evil)
	l.Create(evil)
	l.Checkpointed = true
	l.Restart()
	l.Settle()
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(b), b))
	b.Spec.Networking = nil
	l.Must(l.Client.Update(t.Context(), b))
	l.Settle()
	if got := l.Admitted(lab.NodeGroup); len(got) != 1 {
		t.Errorf("at first: rules %v", got)
	}
	l.Clock.Advance(2 * time.Hour)
	l.Settle()
	if got := l.Admitted(lab.NodeGroup); len(got) > 0 {
		t.Errorf("in the end: rules %v", got)
	}
}

// servedBefore has a binding look as if it had served before an edit of its Service's name.
func servedBefore(b *v1beta1.TargetGroupBinding) {
	b.Generation, b.Status.ObservedGeneration = 2, aws.Int64(1)
	b.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Reconciled",
		ObservedGeneration: 1}}
}

// TestBindingInServiceKeepsItsRules restarts while a mistake keeps the endpoints of a binding unknown.
func TestBindingInServiceKeepsItsRules(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	l.Checkpointed = true
	l.Restart()
	l.Settle()
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(b), b))
	b.Spec.ServiceRef.Name = "none"
	b.Generation++
	l.Must(l.Client.Update(t.Context(), b))
	l.Settle()
	l.Crash()
	l.Restart()
	l.Clock.Advance(2 * time.Hour)
	l.Settle()
	if got := l.Admitted(lab.NodeGroup); len(got) != 1 {
		t.Errorf("rules %v", got)
	}
}

// TestUnreadRecordKeepsRules restarts while a mistake keeps the endpoints of a binding unknown, and ConfigMaps cannot be
// read for long.
func TestUnreadRecordKeepsRules(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"failing", "hanging", "throttled", "expired token", "denied"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			l, b := lab.BoundLab(t)
			l.Checkpointed, l.Misreads = true, &lab.Misreads{}
			l.Restart()
			l.Settle()
			l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(b), b))
			b.Spec.ServiceRef.Name = "none"
			b.Generation++
			l.Must(l.Client.Update(t.Context(), b))
			l.Settle()
			l.Crash()
			struck := l.Misreads.Fail(lab.KindOf(&corev1.ConfigMap{}), way)
			l.Restart()
			l.Clock.Advance(2 * time.Hour)
			l.Settle()
			if got := l.Admitted(lab.NodeGroup); len(got) != 1 || struck() == 0 {
				t.Errorf("rules %v, %d reads failed", got, struck())
			}
			l.Misreads.End()
			_, _ = l.Checkpointer.Write(t.Context())
			l.Clock.Advance(time.Hour)
			l.Settle()
			if got := l.Admitted(lab.NodeGroup); len(got) != 1 {
				t.Errorf("in the end: rules %v", got)
			}
		})
	}
}
