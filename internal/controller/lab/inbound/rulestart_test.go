package inbound

import (
	"context"
	"errors"
	"slices"
	"testing"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestNeitherASwapNorARestartWritesARule has two bindings whose rules stand before the first of them is looked at.
func TestNeitherASwapNorARestartWritesARule(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		second   int32
		standing [][2]int32
		unread   bool // EC2 tells nothing of instances at first
	}{
		"one range of the existing controller": {31213, [][2]int32{{8080, 31213}}, false},
		"adjacent ports":                       {8081, [][2]int32{{8080, 8081}}, false},
		"ports apart":                          {9090, [][2]int32{{8080, 8080}, {9090, 9090}}, false},
		"a range while EC2 tells nothing":      {31213, [][2]int32{{8080, 31213}}, true},
	} {
		l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
		l.Flags("--binding-networking=any-port")
		b, other := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP),
			lab.Binding(l.OtherGroup(), v1beta1.TargetTypeIP)
		other.Name, other.UID = "other", "uid-other"
		other.Spec.Networking.Ingress[0].Ports[0].Port = ptr.To(intstr.FromInt32(c.second))
		l.Create(append(lab.Pods("a", "10.0.128.50"), b, other)...)
		l.Standing(c.standing...)
		before := l.Admitted(lab.NodeGroup)
		for range 2 {
			mark := l.Mark()
			if c.unread {
				_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "DescribeInstances", Code: "RequestLimitExceeded", Status: 503,
					Message: "slow down", Times: 1})
				l.Must(err)
			}
			l.Settle()
			if w := l.Writes(mark); slices.Contains(w, "AuthorizeSecurityGroupIngress") ||
				slices.Contains(w, "RevokeSecurityGroupIngress") {
				t.Errorf("%s: %v", name, w)
			}
			if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, before) {
				t.Errorf("%s: rules %v, before %v", name, got, before)
			}
			l.Restart()
		}
	}
}

// TestReviewDuringLookAtGroupRepeatsLook has a review come between the question
// whether all bindings are known and the note that the group waits for that.
func TestReviewDuringLookAtGroupRepeatsLook(t *testing.T) {
	t.Parallel()
	for name, reviewed := range map[string]bool{"a review meanwhile": true, "none": false} {
		l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
		l.Create(append(lab.Pods("a", "10.0.128.50"), lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp),
			v1beta1.TargetTypeIP))...)
		l.Settle()
		l.Standing([2]int32{9999, 9999})
		l.Inventory.SecurityGroups().ForgetRules(lab.NodeGroup)
		r := l.Bound.Networking
		late := lab.Binding(l.OtherGroup(), v1beta1.TargetTypeIP)
		late.Name = "late"
		r.Arrived(late)
		unknown := true
		r.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
				opts ...client.GetOption) error {
				if !unknown || key.Name != late.Name {
					return c.Get(ctx, key, o, opts...)
				}
				unknown = false
				if reviewed {
					r.Review(ctx)
				}
				return errors.New("not synced")
			},
		})
		groups := r.Queues()[1]
		groups.AddNow(lab.NodeGroup)
		key, _, _ := groups.Next()
		groups.Run(t.Context(), key)
		if _, _, again := groups.Next(); again != reviewed {
			t.Errorf("%s: looked at again: %t", name, again)
		}
	}
}
