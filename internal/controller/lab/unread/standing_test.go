package unread

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// standingLab has what stays although the controller would not make it now: targets that precede a binding, a rule for
// a port of nodes whose pods are away, a hostname of a Gateway that another namespace asks for, a backend that a
// grant permits, an expired certificate, and a web ACL by ARN. Its reads of the API server can fail.
func standingLab(t *testing.T) *lab.Lab {
	t.Helper()
	l := lab.NewGateway(t, lab.GatewayClasses+`
Namespace /shop {}
Namespace /blog {}
Service shop/web {spec: {ports: [{name: http, port: 80, targetPort: 8080}]}}
Service blog/web {spec: {ports: [{name: http, port: 80, targetPort: 8080}]}}
Gateway shop/open {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]}}
HTTPRoute shop/held {spec: {parentRefs: [{name: open}], hostnames: [a.example.com], rules: [{backendRefs: [{name: web, port: 80}]}]}}
HTTPRoute blog/late {spec: {parentRefs: [{name: open, namespace: shop}], hostnames: [b.example.com], rules: [{backendRefs: [{name: web, port: 80}]}]}}
ReferenceGrant blog/shop {spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}], to: [{group: "", kind: Service}]}}
HTTPRoute shop/granted {spec: {parentRefs: [{name: open}], hostnames: [c.example.com], rules: [{backendRefs: [{name: web, namespace: blog, port: 80}]}]}}`)
	l.OwnCertificates()
	core, ok := l.Core.(*fake.Clientset)
	if !ok {
		t.Fatalf("%T", l.Core)
	}
	l.Misreads, l.Checkpointed = &lab.Misreads{}, true
	l.Misreads.FailSecrets(&core.Fake)
	l.GuardAccount()
	l.Config.BindingNetworking = []string{"any-port"}
	l.Restart()
	l.Create(lab.Class(), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"), lab.Service("s0"))
	l.Create(lab.Pods("a", "10.0.128.50")...)
	createStanding(l)
	l.Settle(standingKeys...)
	spoilStanding(l)
	l.Config.BindingNetworking = nil
	l.Restart()
	l.PassWith(15*time.Minute, standingKeys...)
	wantStanding(l)
	return l
}

// createStanding creates what later stays.
func createStanding(l *lab.Lab) {
	l.Helper()
	ssh := lab.CrashBalancer("ssh")
	ssh.Spec.Ports[0].TargetPort.IntVal = 22
	for k, v := range map[string]string{"disable-nlb-sg": "true",
		"target-group-attributes": "preserve_client_ip.enabled=true"} {
		ssh.Annotations["service.beta.kubernetes.io/aws-load-balancer-"+k] = v
	}
	l.Create(ssh)
	l.Create(sshPods()...)
	for name, annotations := range map[string]map[string]string{"sealed": nil, "other": {
		"listen-ports": `[{"HTTPS":443}]`, "certificate-arn": lab.ExampleCertificate, "wafv2-acl-arn": aclARN(l)}} {
		i := lab.Ingress(name, annotations, "s0")
		if name == "sealed" {
			i = lab.Sealed(name, "tls")
		}
		i.Annotations["alb.ingress.kubernetes.io/group.name"] = "front"
		l.Create(i)
	}
	l.Create(lab.Binding(groupWith(l, "theirs", "10.0.1.77"), v1beta1.TargetTypeIP))
}

func sshPods() []client.Object {
	out := lab.ChaosEndpoints("ssh", "a", lab.SoakAddress(3, 0))
	if s, ok := out[0].(*discoveryv1.EndpointSlice); ok {
		s.Ports[0].Port = aws.Int32(22)
	}
	return out
}

// groupWith is a user's target group with a registered address.
func groupWith(l *lab.Lab, name, address string) (arn string) {
	l.Helper()
	arn = l.TargetGroupNamed(name, elbtypes.TargetTypeEnumIp)
	_, err := l.Sim.Balancing.RegisterTargets(l.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: &arn,
		Targets: []elbtypes.TargetDescription{{Id: &address, Port: aws.Int32(80)},
			{Id: aws.String("10.0.1.78"), Port: aws.Int32(80)}}})
	l.Must(err)
	return arn
}

func aclARN(l *lab.Lab) string {
	l.Helper()
	for _, acl := range l.Sim.Resources().WebACLs {
		if acl.Name == lab.GuardACL {
			return acl.ARN
		}
	}
	l.Fatal("no web ACL")
	return ""
}

// spoilStanding has the imported certificate expire with its Secret spoilt, and takes away the pods at a port of nodes.
func spoilStanding(l *lab.Lab) {
	l.Helper()
	l.Sim.Account.Lock()
	for _, c := range l.Sim.Account.Certificates {
		if c.Type == "IMPORTED" {
			c.Status = "EXPIRED"
		}
	}
	l.Sim.Account.Unlock()
	secret, err := l.Core.CoreV1().Secrets("shop").Get(l.Context(), "tls", metav1.GetOptions{})
	l.Must(err)
	secret.Data, secret.ResourceVersion = map[string][]byte{corev1.TLSCertKey: []byte("garbage")}, "1a"
	_, err = l.Core.CoreV1().Secrets("shop").Update(l.Context(), secret, metav1.UpdateOptions{})
	l.Must(err)
	for _, o := range sshPods() {
		l.Must(l.Client.Delete(l.Context(), o))
	}
}

// wantStanding fails unless all of it is there.
func wantStanding(l *lab.Lab) {
	l.Helper()
	all := strings.Join(slices.Sorted(maps.Keys(l.Parts())), "\n")
	for _, part := range []string{"target group theirs has 10.0.1.77:80", "target group theirs has 10.0.128.50:8080",
		" admits tcp 22-22 ", "certificate for *.sealed.dev", " has web ACL " + lab.GuardACL, "a.example.com", "b.example.com",
		"c.example.com"} {
		if !strings.Contains(all, part) {
			l.Fatalf("no part %q:\n%s\n%s", part, all, strings.Join(l.Events, "\n"))
		}
	}
}

var standingKeys = []stack.Key{lab.FrontKey, lab.ServiceKey("ssh"), lab.GatewayKey(stack.GatewayALB, "open")}

var standingEdits = map[string]func(l *lab.Lab){
	"none":        func(*lab.Lab) {},
	"another pod": func(l *lab.Lab) { l.Create(lab.Pods("b", "10.0.128.51")...) },
	"a binding": func(l *lab.Lab) {
		b := lab.Binding(groupWith(l, "others", "10.0.1.79"), v1beta1.TargetTypeIP)
		b.Name, b.UID = "late", "uid-late"
		l.Create(b)
	},
	"pods at a port of nodes": func(l *lab.Lab) { l.Create(sshPods()...) },
	"an attribute of ssh": func(l *lab.Lab) {
		l.Balancer("ssh", "attributes", "load_balancing.cross_zone.enabled=true")
	},
	"a hostname of another namespace": func(l *lab.Lab) {
		l.Apply(`HTTPRoute blog/late {spec: {parentRefs: [{name: open, namespace: shop}], hostnames: [b.example.com, ` +
			`a.example.com], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	},
	"a web ACL by name": func(l *lab.Lab) { l.Annotate("sealed", "wafv2-acl-name", lab.GuardACL) },
	"another path": func(l *lab.Lab) {
		l.Edit("other", func(i *networkingv1.Ingress) {
			more := lab.Ingress("x", nil, "s0").Spec.Rules[0].HTTP.Paths[0]
			more.Path = "/more"
			i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths, more)
		})
	},
}

func standingCluster() *lab.Unread {
	return &lab.Unread{Name: "what stays", Lab: standingLab, Keys: standingKeys, Edits: standingEdits}
}

// TestFailedReadTakesNothingAwayThatStays has each read that a standing thing depends on fail in each way.
func TestFailedReadTakesNothingAwayThatStays(t *testing.T) {
	t.Parallel()
	lab.TryUnread(t, []*lab.Unread{standingCluster()}, allReads(), lab.UnreadSample{Lives: sample.OneOf(11),
		Tries: sample.OneOf(29)})
}

// standingReads are the kinds of objects on which what stays depends: ConfigMaps are the checkpoints.
var standingReads = []client.Object{&corev1.ConfigMap{}, &corev1.Pod{}, &corev1.Node{}, &corev1.Service{},
	&corev1.Namespace{}, &discoveryv1.EndpointSlice{}, &v1beta1.TargetGroupBinding{}, &networkingv1.Ingress{},
	readable.Kinds["Gateway"].Object, readable.Kinds["HTTPRoute"].Object, readable.Kinds["ReferenceGrant"].Object}

// TestFailedReadOfObjectsTakesNothingAwayThatStays has reads of objects fail, most of them for a new process.
func TestFailedReadOfObjectsTakesNothingAwayThatStays(t *testing.T) {
	t.Parallel()
	cluster, tries, n := standingCluster(), sample.OneOf(13), 0
	edits := cluster.Changes()
	for _, o := range standingReads {
		kind := lab.KindOf(o)
		for _, way := range slices.Sorted(maps.Keys(lab.KubeWays)) {
			for _, restarts := range []bool{true, false} {
				if kind == "core/v1.ConfigMap" && (lab.KubeWays[way].Answers() || !restarts) {
					continue // no cache has them, and a process reads them once
				}
				edit := edits[n%len(edits)]
				if n++; !tries.Next() {
					continue
				}
				t.Run(fmt.Sprintf("%s %s, %s, restart %t", kind, way, edit, restarts), func(t *testing.T) {
					t.Parallel()
					lab.Misreading{Cluster: cluster, Edit: edit, Restarts: restarts, Kind: kind, Way: way}.Try(t)
				})
			}
		}
	}
}
