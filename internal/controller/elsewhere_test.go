package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// restrict begins a new life whose caches show one namespace; live answers for the others.
func (l *lab) restrict(namespace string, live client.Reader) {
	l.Helper()
	l.client, l.config.WatchNamespace = l.onlyNamespace(l.client, namespace, live), namespace
	l.elsewhere = bindingpass.NewOtherNamespaces(live, namespace, l.clock.Now, logr.Discard())
	l.elsewhere.Proceed()
	l.restart()
}

// onlyNamespace is a cache that shows one namespace.
func (l *lab) onlyNamespace(c client.Client, namespace string, live client.Reader) client.Client {
	inNamespace := interceptor.NewClient(c.(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return c.List(ctx, list, append(opts, client.InNamespace(namespace))...)
		},
	})
	l.restricted = &reads.Restricted{Cache: inNamespace, Live: live, Namespace: namespace, Now: l.clock.Now, OnChange: func(c objects.Change) {
		for _, s := range l.gateways {
			l.woken = append(l.woken, s.Index.Affected(c)...)
		}
	}}
	return interceptor.NewClient(c.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if _, uncached := o.(*corev1.ConfigMap); uncached {
				return c.Get(ctx, key, o, opts...)
			}
			return l.restricted.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, _ client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return l.restricted.List(ctx, list, opts...)
		},
	})
}

// unlistable is an API server that refuses lists of all namespaces.
func unlistable(c client.Client) client.Reader {
	return interceptor.NewClient(c.(client.WithWatch), interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errForbidden
		},
	})
}

func TestWhatARestrictedCacheDoesNotShowIsUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		networking bool // of the other namespace's binding
		live       func(client.Client) client.Reader
		want       []string
	}{
		"a binding of another namespace may need the rules":                     {true, func(c client.Client) client.Reader { return c }, []string{labPeer + " 8080-8080", labPeer + " 9090-9090"}},
		"the API server does not tell of other namespaces":                      {false, unlistable, []string{labPeer + " 8080-8080", labPeer + " 9090-9090"}},
		"the API server tells that no binding of another namespace needs rules": {false, func(c client.Client) client.Reader { return c }, []string{labPeer + " 8080-8080"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
			b, other := labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP), labBinding(l.otherGroup(), v1beta1.TargetTypeIP)
			other.Namespace, other.Name, other.UID = "pay", "other", "uid-other"
			if !c.networking {
				other.Spec.Networking = nil
			}
			l.create(append(labPods("a", "10.0.128.50"), b, other)...)
			l.standing([2]int32{9090, 9090}) // as the other namespace's binding may need it
			l.restrict("shop", c.live(l.client))
			l.settle()
			if got := l.admitted(labNodeGroup); !slices.Equal(got, c.want) {
				t.Errorf("rules %v, want %v", got, c.want)
			}
		})
	}
}

func TestARestrictedControllerNeverDeletesTheSharedBackendGroup(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{})
	if needed, err := l.ingresses.Backend.Needed(t.Context()); needed || err != nil {
		t.Fatalf("with all namespaces in view and no object, needed is %v, %v", needed, err)
	}
	l.restrict("shop", l.client)
	if needed, err := l.ingresses.Backend.Needed(t.Context()); !needed || err != nil {
		t.Errorf("needed is %v, %v", needed, err)
	}
}

func TestABackendGroupThatAWSKeepsIsTriedEverLessOften(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	i := labIngress("web", nil, "web")
	l.create(append(labPods("a", "10.0.128.50"), i)...)
	l.settle(implicit("web"))
	group, ok := l.inventory.SharedGroup()
	if !ok {
		t.Fatal("no backend group is made")
	}
	database := l.securityGroup("database") // a user's, which lets the load balancers in
	_, err := l.sim.Compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: aws.String(database), IpPermissions: []ec2types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432), UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String(group)}}}}})
	l.must(err)
	l.must(l.client.Delete(t.Context(), i))
	l.settle(implicit("web"))

	backend, mark := l.ingresses.Backend, l.mark()
	var logged string
	backend.Log = funcr.New(func(_, args string) { logged = args }, funcr.Options{})
	for end := l.clock.Now().Add(time.Hour); l.clock.Now().Before(end); {
		pause := backend.Look(t.Context())
		if pause == 0 {
			t.Fatal("it gives up")
		}
		l.clock.Advance(pause)
	}
	attempts := 0
	for _, c := range l.sim.Gate.Calls(gate.Filter{After: mark}) {
		if c.Action == "DeleteSecurityGroup" {
			attempts++
		}
	}
	if !strings.Contains(logged, database) {
		t.Errorf("the log says %q, want %s", logged, database)
	}
	if attempts < 8 || attempts > 16 {
		t.Errorf("%d attempts in an hour", attempts)
	}
	_, err = l.sim.Compute.RevokeSecurityGroupIngress(t.Context(), &ec2.RevokeSecurityGroupIngressInput{GroupId: aws.String(database), IpPermissions: []ec2types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432), UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String(group)}}}}})
	l.must(err)
	if pause := backend.Look(t.Context()); pause != 0 || slices.Contains(l.left(), "security group "+group) {
		t.Errorf("it is not deleted when nothing refers to it any more: next look after %v, left %v", pause, l.left())
	}
}

func TestATargetGroupThatABindingOfAnUnseenNamespaceServesIsNotEmptied(t *testing.T) {
	t.Parallel()
	for _, listable := range []bool{true, false} {
		for _, ends := range []bool{false, true} {
			t.Run(fmt.Sprintf("listable %v, the binding of the watched namespace goes %v", listable, ends), func(t *testing.T) {
				t.Parallel()
				l := newLab(t, account.Profile{}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
				arn := l.targetGroup(elbtypes.TargetTypeEnumIp)
				older, b := labBinding(arn, v1beta1.TargetTypeIP), labBinding(arn, v1beta1.TargetTypeIP)
				older.Namespace, older.Name, older.UID, older.CreationTimestamp = "pay", "other", "uid-other", metav1.NewTime(time.Unix(1, 0))
				b.Finalizers, b.CreationTimestamp = []string{naming.BindingFinalizer}, metav1.NewTime(time.Unix(2, 0))
				_, err := l.sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: aws.String(arn), Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.128.77"), Port: aws.Int32(8080)}}})
				l.must(err)
				l.create(append(labPods("a", "10.0.128.50"), b, older)...)
				live := client.Reader(l.client)
				if !listable {
					live = unlistable(l.client)
				}
				l.restrict("shop", live)
				if ends {
					l.must(l.client.Delete(t.Context(), b))
				}
				l.settle()
				want := []string{"10.0.128.77:8080"}
				if !listable && !ends { // what serves goes on to serve
					want = []string{"10.0.128.50:8080", "10.0.128.77:8080"}
				}
				if got := l.targets(arn); !slices.Equal(got, want) {
					t.Errorf("targets %v, want %v", got, want)
				}
			})
		}
	}
}
