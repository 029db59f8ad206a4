package ingresses

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// TestOneEditMakesNLBDualstackWithSourceNATAndBack has a UDP listener all the time in one
// case, which AWS refuses of a dualstack load balancer without source NAT.
func TestOneEditMakesNLBDualstackWithSourceNATAndBack(t *testing.T) {
	t.Parallel()
	for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			svc := lab.CrashBalancer("net")
			svc.Spec.Ports[0].Protocol = protocol
			svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-healthcheck-port"] = "8081"
			l := lab.New(t, account.Profile{}, svc)
			key := lab.ServiceKey("net")
			l.Settle(key)
			for _, c := range []struct{ family, nat string }{{"dualstack", "on"}, {"ipv4", "off"}} {
				mark, from := l.Mark(), len(l.Events)
				l.Edited("net", func(s *corev1.Service) {
					s.Annotations["service.beta.kubernetes.io/aws-load-balancer-ip-address-type"] = c.family
					s.Annotations["service.beta.kubernetes.io/aws-load-balancer-enable-prefix-for-ipv6-source-nat"] = c.nat
				})
				l.Settle(key)
				if lb := l.Sim.Resources().LoadBalancers[0]; lb.IPAddressType != c.family {
					t.Errorf("address type %s, want %s", lb.IPAddressType, c.family)
				}
				if refused := l.RefusedCalls(mark); len(refused) > 0 || len(l.Troubles(from)) > 0 {
					t.Errorf("to %s: refused %v, told %v", c.family, refused, l.Troubles(from))
				}
			}
		})
	}
}

// TestNoStatusIsWrittenToAServiceThatIsNotOfTypeLoadBalancer has an API server that refuses it, as real ones do.
func TestNoStatusIsWrittenToAServiceThatIsNotOfTypeLoadBalancer(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*corev1.ServiceSpec){
		"NodePort":  func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeNodePort },
		"ClusterIP": func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeClusterIP },
		"headless":  func(s *corev1.ServiceSpec) { s.Type, s.ClusterIP = corev1.ServiceTypeClusterIP, corev1.ClusterIPNone },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			svc := lab.CrashBalancer("net")
			change(&svc.Spec)
			svc.Spec.LoadBalancerClass = nil
			svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-type"] = "external"
			l := lab.New(t, account.Profile{}, svc)
			refusesStatus(l, svc)
			key := lab.ServiceKey("net")
			l.Settle(key)
			lb := l.Sim.Resources().LoadBalancers[0]
			if told := l.Warnings(0)["Service shop/net"]; len(told) != 1 ||
				!strings.HasPrefix(told[0], "Note: the status of ") || !strings.Contains(told[0], strings.ToLower(lb.DNSName)) ||
				!strings.Contains(told[0], "[AddressNotShown]") {
				t.Errorf("told %v", told)
			}
			if r, err := l.Services.Reconcile(t.Context(), key); err != nil || r.RequeueAfter != 0 {
				t.Errorf("another pass follows: %v, %v", r, err)
			}
			l.Must(l.Client.Delete(t.Context(), svc))
			l.Settle(key)
			if left := l.LeftOfStacks(); len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

// refusesStatus has the API server refuse a load balancer in the status of Services.
func refusesStatus(l *lab.Lab, svc *corev1.Service) {
	l.Helper()
	served, ok := l.Client.(client.WithWatch)
	if !ok {
		l.Fatal("the client cannot watch")
	}
	l.Services.Client = interceptor.NewClient(served, interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			if s, is := o.(*corev1.Service); is && len(s.Status.LoadBalancer.Ingress) > 0 {
				return apierrors.NewForbidden(corev1.Resource("services"), svc.Name, nil)
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	})
}

// TestNothingIsMadeAgainInANamespaceThatEnds deletes bindings before their Service, as the namespace controller may,
// and refuses new objects.
func TestNothingIsMadeAgainInANamespaceThatEnds(t *testing.T) {
	t.Parallel()
	svc := lab.CrashBalancer("net")
	l := lab.New(t, account.Profile{}, append(lab.ChaosEndpoints("net", "a", lab.SoakAddress(2, 0)), svc,
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
	key := lab.ServiceKey("net")
	l.Settle(key)
	l.Clock.Advance(time.Minute)
	served, ok := l.Client.(client.WithWatch)
	if !ok {
		t.Fatal("the client cannot watch")
	}
	made := 0
	l.Services.Bindings.Client = interceptor.NewClient(served, interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
			made++
			err := apierrors.NewForbidden(v1beta1.GroupVersion.WithResource("targetgroupbindings").GroupResource(),
				o.GetName(), nil)
			err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
				Type: corev1.NamespaceTerminatingCause})
			return err
		},
	})
	mark, from := l.Mark(), len(l.Events)
	for _, b := range l.AllBindings() {
		l.Must(l.Client.Delete(t.Context(), &b))
	}
	for range 3 {
		if _, err := l.Round(key); err != nil {
			t.Errorf("a pass fails: %v", err)
		}
		l.Clock.Advance(100 * time.Millisecond)
	}
	l.Must(l.Client.Delete(t.Context(), svc))
	l.Settle(key)
	reads := 0
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		if awsclient.IsRead(c.Action) {
			reads++
		}
	}
	_, by := l.Counts(mark)
	t.Logf("%d reads: %v", reads, by)
	if told := l.Troubles(from); made > 3 || reads > 6 || len(told) > 0 || len(l.LeftOfStacks()) > 0 ||
		len(l.AllBindings()) > 0 {
		t.Errorf("%d bindings made, %d reads, told %v, left %v", made, reads, told, l.LeftOfStacks())
	}
}

// TestRefusedCertificateOfNewListenerFailsDeployment has a certificate that does not exist.
func TestRefusedCertificateOfNewListenerFailsDeployment(t *testing.T) {
	t.Parallel()
	svc := lab.CrashBalancer("net")
	svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-ssl-cert"] =
		"arn:aws:acm:us-west-2:123456789012:certificate/00000000-0000-4000-8000-000000000000"
	l := lab.New(t, account.Profile{}, svc)
	l.Pass(time.Minute, nil, lab.ServiceKey("net"))
	told := l.Troubles(0)["Service shop/net"]
	if len(told) != 1 || !strings.HasPrefix(told[0], "FailedDeployModel: ") ||
		!strings.Contains(told[0], "CreateListener") {
		t.Errorf("told %v", told)
	}
}

// TestAServiceWhoseNamesAreTakenCostsFewCallsAndHeals has the name of its load balancer, of its security group or of
// the shared one belong to others.
func TestAServiceWhoseNamesAreTakenCostsFewCallsAndHeals(t *testing.T) {
	t.Parallel()
	group := func(l *lab.Lab, name string) func() {
		out, err := l.Sim.Compute.CreateSecurityGroup(l.Context(), &ec2.CreateSecurityGroupInput{
			GroupName: &name, Description: aws.String("x"), VpcId: aws.String(lab.VPC)})
		l.Must(err)
		return func() {
			_, err := l.Sim.Compute.DeleteSecurityGroup(l.Context(), &ec2.DeleteSecurityGroupInput{GroupId: out.GroupId})
			l.Must(err)
		}
	}
	for name, take := range map[string]func(*lab.Lab) (give func()){
		"the load balancer of another Service": func(l *lab.Lab) func() {
			other := lab.CrashBalancer("edge")
			other.Annotations["service.beta.kubernetes.io/aws-load-balancer-name"] = "taken"
			l.Create(other)
			l.Settle(lab.ServiceKey("edge"))
			return func() {
				l.Must(l.Client.Delete(l.Context(), other))
				l.Settle(lab.ServiceKey("edge"))
			}
		},
		"the managed group": func(l *lab.Lab) func() {
			return group(l, naming.ServiceSecurityGroup(l.Config.ClusterName, lab.ServiceKey("net").ID, "uid-net"))
		},
		"the shared group": func(l *lab.Lab) func() { return group(l, naming.BackendSecurityGroup(l.Config.ClusterName)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			svc := lab.CrashBalancer("net")
			svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-name"] = "taken"
			// or AWS returns the one that there is
			svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-scheme"] = "internal"
			l := lab.New(t, account.Profile{}, svc)
			key := lab.ServiceKey("net")
			give := take(l)
			for minute, most := range []int{30, 6} {
				mark := l.Mark()
				l.Pass(time.Minute, nil, key)
				if total, by := l.Counts(mark); total > most {
					t.Errorf("%d calls in minute %d: %v", total, minute+1, by)
				}
			}
			if told := l.Troubles(0)["Service shop/net"]; len(told) != 1 || !strings.Contains(told[0], "[NameTaken]") {
				t.Errorf("told %v", told)
			}
			give()
			l.Pass(2*time.Minute, nil, key)
			if l.Get(svc, "net"); len(svc.Status.LoadBalancer.Ingress) != 1 {
				t.Errorf("the name is free and the Service has no load balancer: %v", l.Events)
			}
		})
	}
}

// TestOfMorePortsThanAWSHasListenersForTheFirstServe has a Service with three ports more.
func TestOfMorePortsThanAWSHasListenersForTheFirstServe(t *testing.T) {
	t.Parallel()
	svc := lab.CrashBalancer("net")
	svc.Spec.Ports = nil
	for n := range int32(53) {
		svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{Name: "p" + strconv.Itoa(int(n)),
			Protocol: corev1.ProtocolTCP, Port: 1000 + n, TargetPort: intstr.FromInt32(8080)})
	}
	l := lab.New(t, account.Profile{}, svc)
	l.Pass(2*time.Minute, nil, lab.ServiceKey("net"))
	for _, x := range l.Sim.Resources().LoadBalancers[0].Listeners {
		if x.Port >= 1050 {
			t.Errorf("port %d has a listener, and one before it has none", x.Port)
		}
	}
	if refused := l.RefusedCalls(0); len(refused) > 0 {
		t.Errorf("AWS refused %v", refused)
	}
	told := l.Troubles(0)["Service shop/net"]
	if len(told) != 1 ||
		!strings.HasPrefix(told[0], "FailedDeployModel: ports 1050-1052 have no listener: a network load balancer "+
			"allows 50 listeners, and Service shop/net declares 53") {
		t.Errorf("told %v", told)
	}
	if l.Get(svc, "net"); len(svc.Status.LoadBalancer.Ingress) != 1 {
		t.Error("the address is not shown")
	}
}

// TestRefusedProtocolLeavesListenerAndNamesRemedy has a dualstack load balancer without source NAT,
// which takes no UDP listener: neither instead of a TCP listener, nor beside one that is to become
// TCP_UDP.
func TestRefusedProtocolLeavesListenerAndNamesRemedy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*corev1.Service)
		to     string
	}{
		"UDP": {func(s *corev1.Service) { s.Spec.Ports[0].Protocol = corev1.ProtocolUDP }, "UDP"},
		"TCP and UDP": {func(s *corev1.Service) {
			s.Annotations["service.beta.kubernetes.io/aws-load-balancer-enable-tcp-udp-listener"] = "true"
			other := s.Spec.Ports[0]
			other.Name, other.Protocol = "other", corev1.ProtocolUDP
			s.Spec.Ports = append(s.Spec.Ports, other)
		}, "TCP_UDP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			svc := lab.CrashBalancer("net")
			svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-ip-address-type"] = "dualstack"
			l := lab.New(t, account.Profile{}, svc)
			key := lab.ServiceKey("net")
			l.Settle(key)
			l.Get(svc, "net")
			before, from := svc.Spec.DeepCopy(), len(l.Events)
			l.Edited("net", c.change)
			l.Pass(time.Minute, nil, key)
			listeners := l.Sim.Resources().LoadBalancers[0].Listeners
			if len(listeners) != 1 || listeners[0].Protocol != "TCP" {
				t.Errorf("listeners %+v", listeners)
			}
			port := strconv.Itoa(int(before.Ports[0].Port))
			told := l.Troubles(from)["Service shop/net"]
			for _, want := range []string{
				"FailedDeployModel: port " + port + " stays TCP, because AWS refuses to change its listener to " + c.to + ": ",
				"EnablePrefixForIpv6SourceNat", "(spec.ports[0])",
				"set the port back to TCP", "remove the port, wait until its listener is gone, and add it again as " + c.to,
				"[ProtocolRefused]",
			} {
				if len(told) != 1 || !strings.Contains(told[0], want) {
					t.Errorf("told %q, want %q", told, want)
				}
			}
			from = len(l.Events)
			l.Edited("net", func(s *corev1.Service) { s.Spec.Ports = before.Ports })
			l.Settle(key)
			if told := l.Troubles(from); len(told) > 0 {
				t.Errorf("after it is set back: %v", told)
			}
		})
	}
}
