package inbound

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// namedPods are podsAt whose containers name the port ssh.
func namedPods(port int32) []client.Object {
	out := podsAt(port)
	for _, o := range out {
		if pod, ok := o.(*corev1.Pod); ok {
			pod.Spec.Containers = []corev1.Container{{Name: "main", Ports: []corev1.ContainerPort{
				{Name: "ssh", ContainerPort: port}}}}
		}
	}
	return out
}

// TestOpenPortOfNodesStaysWhilePodsAreAway opens a port of nodes by flag, and starts without the flag and without pods.
func TestOpenPortOfNodesStaysWhilePodsAreAway(t *testing.T) {
	t.Parallel()
	named := bareBalancer(22)
	named.Spec.Ports[0].TargetPort = intstr.FromString("ssh")
	health := lab.CrashBalancer("web")
	health.Annotations["service.beta.kubernetes.io/aws-load-balancer-healthcheck-port"] = "22"
	for name, c := range map[string]struct {
		svc  *corev1.Service
		port int32
		prep func(l *lab.Lab)
		away func(l *lab.Lab)
		want string
	}{
		"number": {svc: bareBalancer(22), port: 22, want: "22-22"},
		"named":  {svc: named, port: 22, want: "22-22"},
		"health": {svc: health, port: 8080, want: "22-22"},
		"untagged": {svc: bareBalancer(22), port: 22, want: "22-22", prep: func(l *lab.Lab) {
			_, err := l.Sim.Compute.DeleteTags(l.Context(), &ec2.DeleteTagsInput{Resources: []string{lab.NodeGroup},
				Tags: []ec2types.Tag{{Key: aws.String("kubernetes.io/cluster/" + l.Config.ClusterName)}}})
			l.Must(err)
		}},
		"narrowed": {svc: bareBalancer(22), port: 22, want: "22-22", away: func(l *lab.Lab) {
			svc := &corev1.Service{}
			l.Get(svc, "web")
			svc.Spec.LoadBalancerSourceRanges = []string{"198.51.100.0/24"}
			l.Must(l.Client.Update(l.Context(), svc))
		}},
		"binding again": {svc: bareBalancer(22), port: 22, want: "22-22", away: func(l *lab.Lab) {
			for _, o := range namedPods(22) {
				l.Create(o)
			}
			l.Settle(lab.ServiceKey("web"))
			l.Clock.Advance(time.Hour)
			b := l.AllBindings()[0]
			l.Must(l.Client.Delete(l.Context(), &b))
			l.Settle(lab.ServiceKey("web"))
			for _, o := range namedPods(22) {
				l.Must(l.Client.Delete(l.Context(), o))
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := nodePortLab(t, c.svc, c.port, "--binding-networking=any-port")
			for _, o := range namedPods(c.port) {
				if pod, ok := o.(*corev1.Pod); ok {
					l.Must(l.Client.Delete(l.Context(), o))
					l.Create(pod)
				}
			}
			if c.prep != nil {
				c.prep(l)
			}
			key := lab.ServiceKey("web")
			l.Settle(key)
			l.Settle(key)
			before := opened(l)
			if !slices.Contains(portsOf(before), c.want) {
				t.Fatalf("rules %v", before)
			}
			for _, o := range namedPods(c.port) {
				l.Must(l.Client.Delete(t.Context(), o))
			}
			l.Flags()
			for range 2 {
				l.Settle(key)
				l.Drain(10 * time.Minute)
			}
			if c.away != nil {
				c.away(l)
				l.Settle(key)
				l.Drain(10 * time.Minute)
			}
			for _, o := range namedPods(c.port) {
				l.Create(o)
			}
			for range 2 {
				l.Settle(key)
				l.Drain(10 * time.Minute)
			}
			if got := opened(l); !slices.Contains(portsOf(got), c.want) {
				t.Errorf("rules %v, before %v\n%s", got, before, strings.Join(l.Events, "\n"))
			}
		})
	}
}
