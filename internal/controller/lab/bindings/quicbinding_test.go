package bindings

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
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
)

// TestTargetsOfQUICAreRegisteredWithTheServerIDsOfTheirPods also holds that pods without an id, or with that of another
// one, are reported and do not keep the others out.
func TestTargetsOfQUICAreRegisteredWithTheServerIDsOfTheirPods(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	out, err := l.Sim.Balancing.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String("quic"), Protocol: elbtypes.ProtocolEnumQuic, Port: aws.Int32(443),
		TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String(lab.VPC)})
	l.Must(err)
	arn := aws.ToString(out.TargetGroups[0].TargetGroupArn)
	objs := lab.Pods("a", "10.0.128.50", "10.0.128.51", "10.0.128.52", "10.0.128.53")
	for i, id := range []string{"LBhzwAAAAok=", "KBW59AAAFQU=", "", "LBhzwAAAAok="} {
		p, ok := objs[i+1].(*corev1.Pod)
		if !ok {
			t.Fatalf("%T", objs[i+1])
		}
		p.Annotations = map[string]string{serverid.Annotation: "app"}
		p.Spec.Containers = []corev1.Container{
			{Name: "app", Env: []corev1.EnvVar{{Name: serverid.DefaultVariable, Value: id}}}}
	}
	o := lab.Binding(arn, v1beta1.TargetTypeIP)
	o.Spec.TargetGroupProtocol = ptr.To(v1beta1.Protocol("QUIC"))
	l.Create(append(objs, o)...)
	l.Settle()
	registered := func() (targets []string) {
		health, err := l.Sim.Balancing.DescribeTargetHealth(t.Context(), &elbv2.DescribeTargetHealthInput{
			TargetGroupArn: &arn})
		l.Must(err)
		for _, d := range health.TargetHealthDescriptions {
			if d.TargetHealth.State != elbtypes.TargetHealthStateEnumDraining {
				targets = append(targets, aws.ToString(d.Target.Id)+" "+aws.ToString(d.Target.QuicServerId))
			}
		}
		slices.Sort(targets)
		return targets
	}
	if got := registered(); !slices.Equal(got, []string{"10.0.128.50 0x2c1873c000000289",
		"10.0.128.51 0x2815b9f400001505"}) {
		t.Errorf("registered %q", got)
	}
	events := strings.Join(l.Events, "\n")
	if got := strings.Count(events, "[PodsUnidentified]"); got != 4 {
		t.Errorf("%d events", got)
	}
	for _, text := range []string{"the controller does not register endpoints whose pods have no QUIC server id",
		"the controller does not register endpoints with the QUIC server id of another pod"} {
		if strings.Count(events, text) != 2 { // on the binding and on its Service
			t.Errorf("%q is not reported once on each:\n%s", text, events)
		}
	}
	l.Must(l.Client.Delete(t.Context(), o))
	l.Settle()
	if got := registered(); len(got) > 0 {
		t.Errorf("the binding left %q", got)
	}
}

// TestAListenerThatServesTurnsToQUICWhenItsPodsHaveServerIDs is an edit of the Service before its pods are made again,
// which happens long after and one by one.
func TestAListenerThatServesTurnsToQUICWhenItsPodsHaveServerIDs(t *testing.T) {
	t.Parallel()
	svc := lab.CrashBalancer("web")
	svc.Spec.Ports[0].Protocol = corev1.ProtocolUDP
	svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-healthcheck-port"] = "8081"
	l := lab.New(t, account.Profile{}, svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	pods := lab.Pods("a", "10.0.128.50", "10.0.128.51")
	for _, o := range pods {
		switch o := o.(type) {
		case *discoveryv1.EndpointSlice:
			o.Ports[0].Protocol = ptr.To(corev1.ProtocolUDP)
		case *corev1.Pod:
			o.Annotations = map[string]string{serverid.Annotation: "app"}
			o.Spec.Containers = []corev1.Container{{Name: "app"}}
		}
	}
	l.Create(pods...)
	key := lab.ServiceKey("web")
	l.Settle(key)
	serves := func(when, protocol string) {
		t.Helper()
		r := l.Sim.Resources()
		for _, li := range r.LoadBalancers[0].Listeners {
			if li.Port == 80 && li.Protocol != protocol {
				t.Errorf("%s the listener is %s, want %s", when, li.Protocol, protocol)
			}
		}
	}
	serves("at first", "UDP")

	l.Balancer("web", "quic-enabled-ports", "80")
	mark := l.Mark()
	l.PassWith(time.Hour, key)
	serves("an hour after the edit, while no pod has an id,", "UDP")
	// on the Service and on the binding
	if n := strings.Count(strings.Join(l.Events, "\n"), "[PodsUnidentified]"); n != 2 {
		t.Errorf("%d events about pods without ids", n)
	}
	if reads := slices.DeleteFunc(l.Reads(mark), func(s string) bool {
		return !strings.HasPrefix(s, "DescribeTargetHealth")
	}); len(reads) > 20 {
		t.Errorf("%d reads of health in an hour in which nothing can be registered", len(reads))
	}

	for i, id := range []string{"LBhzwAAAAok=", "KBW59AAAFQU="} {
		p := &corev1.Pod{}
		l.Get(p, pods[i+1].GetName())
		p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: serverid.DefaultVariable, Value: id}}
		l.Must(l.Client.Update(t.Context(), p))
		l.PassWith(2*time.Minute, key)
		if i == 0 {
			serves("while one pod of two has an id", "UDP")
		}
	}
	l.PassWith(5*time.Minute, key)
	serves("when all have ids", "QUIC")
}
