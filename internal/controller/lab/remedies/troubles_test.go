package remedies

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

const (
	web, bound = "Ingress shop/web", "TargetGroupBinding shop/bound"
	attributes = "alb.ingress.kubernetes.io/load-balancer-attributes"
)

// troubles are by code.
func troubles() map[diag.Code]trouble {
	all := ofAWS()
	for _, more := range []map[diag.Code]trouble{ofConsent(), ofDrift(), ofKubernetes(), ofServices(), ofBindings(), ofNetworking(),
		ofPods()} {
		maps.Copy(all, more)
	}
	return all
}

// webKeys is the stack of Ingress web.
func webKeys() []stack.Key { return []stack.Key{lab.Key("web")} }

// ofAWS have their cause in an answer of AWS.
func ofAWS() map[diag.Code]trouble {
	return map[diag.Code]trouble{
		diag.AccessDenied: {on: web, keys: webKeys(), says: "allow the controller's role the action",
			begin: refused(gate.Fault{Action: "CreateLoadBalancer", Kind: "denied"}, nil), follow: accepted},
		diag.RateExceeded: {on: web, keys: webKeys(), says: "nothing to do",
			begin:  refused(gate.Fault{Action: "DescribeSubnets", Code: "Throttling", Message: "no"}, nil),
			follow: accepted},
		diag.AWSUnavailable: {on: web, keys: webKeys(), says: "nothing to do",
			begin: refused(gate.Fault{Action: "CreateLoadBalancer", Kind: "unavailable"}, nil), follow: accepted},
		diag.AWSRejected: {on: web, keys: webKeys(), says: "correct the setting that AWS names",
			begin: refused(gate.Fault{Action: "ModifyLoadBalancerAttributes", Code: "ValidationError", Message: "idle timeout"},
				map[string]string{"load-balancer-attributes": "idle_timeout.timeout_seconds=75"}),
			follow: func(l *lab.Lab) {
				l.Edit("web", func(i *networkingv1.Ingress) { delete(i.Annotations, attributes) })
			}},
		diag.CertificatePending: {on: "Ingress shop/asked", keys: []stack.Key{lab.Key("asked")}, says: "nothing to do",
			begin: asking(nil), follow: func(l *lab.Lab) { l.Clock.Advance(time.Hour) }},
		diag.TrustStoreNotFound: {on: web, keys: webKeys(), says: "create the trust store in the load balancer's region",
			begin: verifying, follow: func(l *lab.Lab) {
				createTrustStore(l)
				l.Clock.Advance(time.Hour) // the look-up is repeated
			}},
		diag.CertificateFailed: {on: "Ingress shop/asked", keys: []stack.Key{lab.Key("asked")}, says: "often a CAA record",
			begin: asking(func(l *lab.Lab) { authorityOf(l, r53types.ChangeActionCreate) }),
			follow: func(l *lab.Lab) {
				authorityOf(l, r53types.ChangeActionDelete)
				l.Clock.Advance(24 * time.Hour) // the certificate is requested again
				l.Settle(lab.Key("asked"))
			}},
	}
}

// verifying makes a lab with an Ingress that verifies clients by trust store "store", which does not exist.
func verifying(t *testing.T) *lab.Lab {
	t.Helper()
	l := begin(lab.Class(), lab.Service("web"))(t)
	certificates, err := l.Sim.Trust.ListCertificates(l.Context(), &acm.ListCertificatesInput{})
	l.Must(err)
	l.Create(lab.Ingress("web", map[string]string{"listen-ports": `[{"HTTPS":443}]`,
		"certificate-arn":       aws.ToString(certificates.CertificateSummaryList[0].CertificateArn),
		"mutual-authentication": `[{"port":443,"mode":"verify","trustStore":"store"}]`}, "web"))
	return l
}

func createTrustStore(l *lab.Lab) {
	l.Helper()
	l.Sim.Account.Lock()
	l.Must(l.Sim.Account.Buckets.Make("pki"))
	l.Sim.Account.Unlock()
	_, err := l.Sim.Storage.PutObject(l.Context(), &s3.PutObjectInput{Bucket: aws.String("pki"), Key: aws.String("ca"),
		Body: strings.NewReader(lab.AuthorityPEM(l.T, "first"))})
	l.Must(err)
	_, err = l.Sim.Balancing.CreateTrustStore(l.Context(), &elbv2.CreateTrustStoreInput{Name: aws.String("store"),
		CaCertificatesBundleS3Bucket: aws.String("pki"), CaCertificatesBundleS3Key: aws.String("ca")})
	l.Must(err)
}

// asking makes a lab with an Ingress whose certificate is requested.
func asking(before func(*lab.Lab)) func(t *testing.T) *lab.Lab {
	return func(t *testing.T) *lab.Lab {
		t.Helper()
		l := begin(lab.Class(), lab.Service("s1"))(t)
		l.OwnCertificates()
		if before != nil {
			before(l)
		}
		l.Create(lab.Asking("asked", "www.asked.dev"))
		return l
	}
}

// authorityOf creates or deletes the CAA record that allows certificates of another authority only.
func authorityOf(l *lab.Lab, action r53types.ChangeAction) {
	l.Helper()
	zones, err := l.Sim.Names.ListHostedZonesByName(l.Context(), &route53.ListHostedZonesByNameInput{
		DNSName: aws.String("asked.dev")})
	l.Must(err)
	_, err = l.Sim.Names.ChangeResourceRecordSets(l.Context(), &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: zones.HostedZones[0].Id, ChangeBatch: &r53types.ChangeBatch{Changes: []r53types.Change{{
			Action: action, ResourceRecordSet: &r53types.ResourceRecordSet{Name: aws.String("asked.dev"), Type: "CAA",
				TTL: aws.Int64(60), ResourceRecords: []r53types.ResourceRecord{{Value: aws.String(`0 issue "example.com"`)}}},
		}}}})
	l.Must(err)
}

// ofConsent wait for somebody to allow something.
func ofConsent() map[diag.Code]trouble {
	held := func(t *testing.T) *lab.Lab {
		t.Helper()
		l := begin(lab.Class(), lab.Service("web"), lab.Service("new"), lab.Ingress("web", nil, "web"))(t)
		l.Holds = hold.NewBook(l.Clock.Now)
		l.Holds.Set(nil)
		l.Restart()
		return l
	}
	holds := func(l *lab.Lab) {
		l.Holds.Set(map[string]string{"all": hold.Hold{Until: l.Clock.Now().Add(24 * time.Hour), Reason: "no"}.Value()})
		l.Edit("web", lab.ToNew)
	}
	ends := func(l *lab.Lab) { l.Holds.Set(nil) }
	protected := lab.Ingress("web", map[string]string{"load-balancer-attributes": "deletion_protection.enabled=true"}, "web")
	return map[diag.Code]trouble{
		diag.OnHold: {on: web, keys: webKeys(), says: "lbc hold --end ends one", begin: held, cause: holds, follow: ends},
		diag.PlanOnHold: {on: web, keys: webKeys(), says: "lbc hold --end ends one", begin: held, cause: holds,
			follow: ends},
		diag.DeletionProtected: {on: web, keys: webKeys(), says: "set deletion_protection.enabled=false there",
			begin: begin(lab.Class(), lab.Service("web"), protected),
			cause: func(l *lab.Lab) { l.Drop(&networkingv1.Ingress{}, "web") },
			follow: func(l *lab.Lab) {
				l.Edit("web", func(i *networkingv1.Ingress) { i.Annotations[attributes] = "deletion_protection.enabled=false" })
			}},
		diag.DeletionWaits: {on: web, keys: webKeys(), says: "nothing to do while AWS works",
			begin: func(t *testing.T) *lab.Lab {
				t.Helper()
				l := begin(lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))(t)
				l.Board()
				return l
			},
			cause: func(l *lab.Lab) {
				l.Fault(gate.Fault{Action: "DeleteLoadBalancer", Code: "Throttling", Message: "no"})
				l.Drop(&networkingv1.Ingress{}, "web")
				l.Clock.Advance(time.Since(l.Clock.Now()) + 10*time.Minute) // the deletion has the time of the machine
			},
			follow: accepted},
	}
}

// ofDrift have their cause in a change made in AWS.
func ofDrift() map[diag.Code]trouble {
	byHand := func(l *lab.Lab) {
		_, err := l.Sim.Balancing.ModifyLoadBalancerAttributes(l.Context(), &elbv2.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: aws.String(l.Sim.Resources().LoadBalancers[0].ARN), Attributes: []elbtypes.LoadBalancerAttribute{
				{Key: aws.String("idle_timeout.timeout_seconds"), Value: aws.String("30")}}})
		l.Must(err)
		_, err = l.Inventory.Reread(l.Context(), lab.Key("web"))
		l.Must(err)
		l.Ingresses.NoteCheck(lab.Key("web"))
	}
	return map[diag.Code]trouble{
		diag.DriftCorrected: {on: web, keys: webKeys(), says: "to keep the change, declare it in Kubernetes",
			begin: begin(lab.Class(), lab.Service("web"), lab.Ingress("web", map[string]string{
				"load-balancer-attributes": "idle_timeout.timeout_seconds=75"}, "web")),
			cause: byHand, follow: func(l *lab.Lab) {
				l.Edit("web", func(i *networkingv1.Ingress) { i.Annotations[attributes] = "idle_timeout.timeout_seconds=30" })
				l.Settle(lab.Key("web"))
				l.Events = nil
				byHand(l)
			}},
		diag.DriftReported: {on: web, keys: webKeys(), says: "or set drift policy correct, which undoes it",
			begin: begin(lab.Class(), lab.Service("web"), lab.Ingress("web", map[string]string{"drift-policy": "report",
				"load-balancer-attributes": "idle_timeout.timeout_seconds=75"}, "web")),
			cause: byHand, follow: func(l *lab.Lab) {
				l.Edit("web", func(i *networkingv1.Ingress) { i.Annotations["alb.ingress.kubernetes.io/drift-policy"] = "correct" })
			}},
	}
}

// ofKubernetes have their cause in an answer of the API server.
func ofKubernetes() map[diag.Code]trouble {
	unread := func(l *lab.Lab) client.Client {
		return interceptor.NewClient(watching(l), interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
				opts ...client.GetOption) error {
				if _, is := o.(*networkingv1.IngressClass); is {
					return apierrors.NewInternalError(errors.New("etcd has no leader"))
				}
				return c.Get(ctx, key, o, opts...)
			},
		})
	}
	return map[diag.Code]trouble{
		diag.UnseenMembers: {on: web, keys: []stack.Key{lab.FrontGroup, {Owner: stack.Ingress, ID: stack.ID{Name: "own"}}},
			says: "a group of their own", begin: begin(slices.Concat([]client.Object{lab.Class()},
				lab.GroupMember("shop", "web", 0, nil), lab.GroupMember("pay", "api", 1, nil))...),
			cause: func(l *lab.Lab) { l.Restrict("shop", l.Client) },
			follow: func(l *lab.Lab) {
				l.Edit("web", func(i *networkingv1.Ingress) { i.Annotations["alb.ingress.kubernetes.io/group.name"] = "own" })
			}},
		diag.ObjectsUnread: {on: web, keys: webKeys(), says: "the controller tries again",
			begin: begin(lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web")),
			cause: func(l *lab.Lab) { l.Ingresses.Client = unread(l) }, follow: func(l *lab.Lab) { l.Ingresses.Client = l.Client }},
		diag.StatusNotCleared: {on: "Service shop/net", keys: []stack.Key{lab.ServiceKey("net")},
			says: "check the permissions of its service account", begin: begin(lab.CrashBalancer("net")),
			cause: func(l *lab.Lab) {
				l.Services.Client = unwritable(l)
				l.Drop(&corev1.Service{}, "net")
			},
			follow: func(l *lab.Lab) { l.Services.Client = l.Client }},
	}
}

// watching is the client of the API server.
func watching(l *lab.Lab) client.WithWatch {
	l.Helper()
	c, ok := l.Client.(client.WithWatch)
	if !ok {
		l.Fatal("the client cannot watch")
	}
	return c
}

// unwritable is a client whose writes to statuses are refused.
func unwritable(l *lab.Lab) client.Client {
	l.Helper()
	refuses := apierrors.NewInternalError(errors.New("etcd is full"))
	return interceptor.NewClient(watching(l), interceptor.Funcs{
		SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch,
			...client.SubResourcePatchOption) error {
			return refuses
		},
		SubResourceUpdate: func(context.Context, client.Client, string, client.Object,
			...client.SubResourceUpdateOption) error {
			return refuses
		},
	})
}

// ofServices have their cause in a Service.
func ofServices() map[diag.Code]trouble {
	untyped := lab.CrashBalancer("net")
	untyped.Spec.Type, untyped.Spec.LoadBalancerClass = corev1.ServiceTypeNodePort, nil
	untyped.Annotations["service.beta.kubernetes.io/aws-load-balancer-type"] = "external"
	return map[diag.Code]trouble{
		diag.AddressNotShown: {on: "Service shop/net", keys: []stack.Key{lab.ServiceKey("net")},
			says: "or set spec.type: LoadBalancer", begin: begin(untyped),
			follow: func(l *lab.Lab) {
				l.Edited("net", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeLoadBalancer })
			}},
		diag.ServicePortEdited: {on: web, keys: webKeys(), says: "give the Service the port again",
			begin: begin(append(readyPods(nil), lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"),
				lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...),
			cause:  func(l *lab.Lab) { l.Edited("web", func(s *corev1.Service) { s.Spec.Ports[0].Port = 81 }) },
			follow: func(l *lab.Lab) { l.Edited("web", func(s *corev1.Service) { s.Spec.Ports[0].Port = 80 }) }},
	}
}

// readyPods are pods of Service web that serve.
func readyPods(change func(*corev1.Pod)) []client.Object {
	all := lab.Pods("a", "10.0.128.50", "10.0.128.51")
	for _, o := range all {
		if p, ok := o.(*corev1.Pod); ok {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}}
			if change != nil {
				change(p)
			}
		}
	}
	return all
}

// ofBindings have their cause in a TargetGroupBinding or its nodes.
func ofBindings() map[diag.Code]trouble {
	nodes := func(t *testing.T) *lab.Lab {
		t.Helper()
		svc, away := lab.Service("web"), lab.Node("b", "")
		svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
		l := begin(svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"), away)(t)
		l.Create(lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumInstance), v1beta1.TargetTypeInstance))
		return l
	}
	return map[diag.Code]trouble{
		diag.NoTargetsAfterEdit: {on: bound, says: "or name another one",
			begin: func(t *testing.T) *lab.Lab {
				t.Helper()
				l, _ := lab.BoundLab(t)
				l.Create(lab.Service("empty"))
				return l
			},
			cause: serviceOf("empty"), follow: serviceOf("web")},
		diag.EndpointNotResolved: {on: bound, says: "or label it node.kubernetes.io/exclude-from-external-load-balancers",
			begin: nodes, follow: func(l *lab.Lab) {
				n := &corev1.Node{}
				l.Must(l.Client.Get(l.Context(), client.ObjectKey{Name: "b"}, n))
				n.Labels[corev1.LabelNodeExcludeBalancers] = ""
				l.Must(l.Client.Update(l.Context(), n))
			}},
	}
}

// serviceOf gives the binding a Service.
func serviceOf(name string) func(*lab.Lab) {
	return func(l *lab.Lab) {
		edited(l, &v1beta1.TargetGroupBinding{}, "bound", func(b *v1beta1.TargetGroupBinding) { b.Spec.ServiceRef.Name = name })
	}
}

// ofNetworking have their cause in security groups.
func ofNetworking() map[diag.Code]trouble {
	boundLab := func(t *testing.T) *lab.Lab { t.Helper(); l, _ := lab.BoundLab(t); return l }
	from := func(group string) func(*lab.Lab) {
		return func(l *lab.Lab) {
			edited(l, &v1beta1.TargetGroupBinding{}, "bound", func(b *v1beta1.TargetGroupBinding) {
				b.Spec.Networking.Ingress[0].From[0].SecurityGroup.GroupID = group
			})
		}
	}
	var second string
	tags := func(l *lab.Lab) []ec2types.Tag {
		return []ec2types.Tag{{Key: aws.String("kubernetes.io/cluster/" + l.Config.ClusterName), Value: aws.String("owned")}}
	}
	return map[diag.Code]trouble{
		diag.RulesNotWritten: {on: bound, says: "name a security group that exists in the VPC", begin: boundLab,
			cause: from("sg-0a1de0000000000ff"), follow: from(lab.Peer)},
		diag.SecurityGroupUnclear: {on: bound, says: "tag exactly one of its groups", begin: boundLab,
			cause: func(l *lab.Lab) {
				second = l.SecurityGroup("second")
				_, err := l.Sim.Compute.CreateTags(l.Context(), &ec2.CreateTagsInput{Resources: []string{second}, Tags: tags(l)})
				l.Must(err)
				out, err := l.Sim.Compute.DescribeInstances(l.Context(), &ec2.DescribeInstancesInput{
					InstanceIds: []string{"i-0a1de0000000000a1"}})
				l.Must(err)
				_, err = l.Sim.Compute.ModifyNetworkInterfaceAttribute(l.Context(), &ec2.ModifyNetworkInterfaceAttributeInput{
					NetworkInterfaceId: out.Reservations[0].Instances[0].NetworkInterfaces[0].NetworkInterfaceId,
					Groups:             []string{second, lab.NodeGroup}})
				l.Must(err)
				l.Restart()
			},
			follow: func(l *lab.Lab) {
				_, err := l.Sim.Compute.DeleteTags(l.Context(), &ec2.DeleteTagsInput{Resources: []string{second}, Tags: tags(l)})
				l.Must(err)
				l.Clock.Advance(20 * time.Minute) // the tags are read again
			}},
	}
}

// ofPods have their cause in what pods declare.
func ofPods() map[diag.Code]trouble {
	const drains, gates = "elbv2.k8s.aws/pod-drain-inject", "elbv2.k8s.aws/pod-readiness-gate-inject"
	labelled := func(label string) func(t *testing.T) *lab.Lab {
		return func(t *testing.T) *lab.Lab {
			t.Helper()
			l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"),
				&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{label: "enabled"}}})
			l.Bound.DrainSeconds = func(context.Context, *v1beta1.TargetGroupBinding) int64 { return 45 }
			l.Create(append(readyPods(func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](10) }),
				lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP))...)
			return l
		}
	}
	// created again from another template
	recreated := func(change func(*corev1.Pod)) func(l *lab.Lab) {
		return func(l *lab.Lab) {
			for _, name := range []string{"web-a-0", "web-a-1"} {
				edited(l, &corev1.Pod{}, name, change)
			}
		}
	}
	return map[diag.Code]trouble{
		diag.PodsEndEarly: {on: "Service shop/web", says: "set terminationGracePeriodSeconds to more than 45", begin: labelled(drains),
			follow: recreated(func(p *corev1.Pod) {
				p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](75)
				p.Spec.Containers = []corev1.Container{{Name: "web", Lifecycle: &corev1.Lifecycle{
					PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 45}}}}}
			})},
		diag.PodsUngated: {on: "Service shop/web", says: "recreate them", begin: labelled(gates),
			follow: recreated(func(p *corev1.Pod) {
				p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: readiness.Gate("bound")}}
			})},
	}
}
