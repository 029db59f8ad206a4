package restart

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/go-logr/logr/funcr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// unlistable is an API server that refuses lists of all namespaces.
func unlistable(c client.Client) client.Reader {
	return interceptor.NewClient(c.(client.WithWatch), interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return lab.ErrForbidden
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
		"a binding of another namespace may need the rules": {
			true, func(c client.Client) client.Reader { return c }, []string{lab.Peer + " 8080-8080", lab.Peer + " 9090-9090"}},
		"the API server does not tell of other namespaces": {
			false, unlistable, []string{lab.Peer + " 8080-8080", lab.Peer + " 9090-9090"}},
		"the API server tells that no binding of another namespace needs rules": {
			false, func(c client.Client) client.Reader { return c }, []string{lab.Peer + " 8080-8080"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
			b, other := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP),
				lab.Binding(l.OtherGroup(), v1beta1.TargetTypeIP)
			other.Namespace, other.Name, other.UID = "pay", "other", "uid-other"
			if !c.networking {
				other.Spec.Networking = nil
			}
			l.Create(append(lab.Pods("a", "10.0.128.50"), b, other)...)
			l.Standing([2]int32{9090, 9090}) // as the other namespace's binding may need it
			l.Restrict("shop", c.live(l.Client))
			l.Settle()
			if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, c.want) {
				t.Errorf("rules %v, want %v", got, c.want)
			}
		})
	}
}

func TestARestrictedControllerNeverDeletesTheSharedBackendGroup(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{})
	if needed, err := l.Ingresses.Backend.Needed(t.Context()); needed || err != nil {
		t.Fatalf("with all namespaces in view and no object, needed is %v, %v", needed, err)
	}
	l.Restrict("shop", l.Client)
	if needed, err := l.Ingresses.Backend.Needed(t.Context()); !needed || err != nil {
		t.Errorf("needed is %v, %v", needed, err)
	}
}

func TestABackendGroupThatAWSKeepsIsTriedEverLessOften(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	i := lab.Ingress("web", nil, "web")
	l.Create(append(lab.Pods("a", "10.0.128.50"), i)...)
	l.Settle(lab.Key("web"))
	group, ok := l.Inventory.SharedGroup()
	if !ok {
		t.Fatal("no backend group is made")
	}
	database := l.SecurityGroup("database") // a user's, which lets the load balancers in
	_, err := l.Sim.Compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: aws.String(database), IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432),
			UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String(group)}}}}})
	l.Must(err)
	l.Must(l.Client.Delete(t.Context(), i))
	l.Settle(lab.Key("web"))

	backend, mark := l.Ingresses.Backend, l.Mark()
	var logged string
	backend.Log = funcr.New(func(_, args string) { logged = args }, funcr.Options{})
	for end := l.Clock.Now().Add(time.Hour); l.Clock.Now().Before(end); {
		pause := backend.Look(t.Context())
		if pause == 0 {
			t.Fatal("it gives up")
		}
		l.Clock.Advance(pause)
	}
	attempts := 0
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
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
	_, err = l.Sim.Compute.RevokeSecurityGroupIngress(t.Context(), &ec2.RevokeSecurityGroupIngressInput{
		GroupId: aws.String(database), IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432),
			UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String(group)}}}}})
	l.Must(err)
	if pause := backend.Look(t.Context()); pause != 0 || slices.Contains(l.Left(), "security group "+group) {
		t.Errorf("it is not deleted when nothing refers to it any more: next look after %v, left %v", pause, l.Left())
	}
}

func TestTargetGroupServedFromUnseenNamespaceIsNotEmptied(t *testing.T) {
	t.Parallel()
	for _, listable := range []bool{true, false} {
		for _, ends := range []bool{false, true} {
			t.Run(fmt.Sprintf("listable %v, the binding of the watched namespace goes %v", listable, ends), func(t *testing.T) {
				t.Parallel()
				l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
				arn := l.TargetGroup(elbtypes.TargetTypeEnumIp)
				older, b := lab.Binding(arn, v1beta1.TargetTypeIP), lab.Binding(arn, v1beta1.TargetTypeIP)
				older.Namespace, older.Name, older.UID, older.CreationTimestamp = "pay", "other", "uid-other",
					metav1.NewTime(time.Unix(1, 0))
				b.Finalizers, b.CreationTimestamp = []string{naming.BindingFinalizer}, metav1.NewTime(time.Unix(2, 0))
				_, err := l.Sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: aws.String(arn),
					Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.128.77"), Port: aws.Int32(8080)}}})
				l.Must(err)
				l.Create(append(lab.Pods("a", "10.0.128.50"), b, older)...)
				live := client.Reader(l.Client)
				if !listable {
					live = unlistable(l.Client)
				}
				l.Restrict("shop", live)
				if ends {
					l.Must(l.Client.Delete(t.Context(), b))
				}
				l.Settle()
				want := []string{"10.0.128.77:8080"}
				if !listable && !ends { // what serves goes on to serve
					want = []string{"10.0.128.50:8080", "10.0.128.77:8080"}
				}
				if got := l.Targets(arn); !slices.Equal(got, want) {
					t.Errorf("targets %v, want %v", got, want)
				}
			})
		}
	}
}
