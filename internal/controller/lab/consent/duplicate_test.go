package consent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/go-logr/logr"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// tagsOf are the tags of a resource of ELBv2, as a tool that copies resources reads them.
func tagsOf(l *lab.Lab, arn string) []elbtypes.Tag {
	l.Helper()
	out, err := l.Sim.Balancing.DescribeTags(l.Context(), &elbv2.DescribeTagsInput{ResourceArns: []string{arn}})
	l.Must(err)
	return out.TagDescriptions[0].Tags
}

// copyBalancer makes a load balancer of the same kind, with the same tags and without listeners.
func copyBalancer(l *lab.Lab, of, name string) string {
	l.Helper()
	in := &elbv2.CreateLoadBalancerInput{Name: &name, Scheme: elbtypes.LoadBalancerSchemeEnumInternetFacing,
		Tags: tagsOf(l, of)}
	out, err := l.Sim.Balancing.DescribeLoadBalancers(l.Context(), &elbv2.DescribeLoadBalancersInput{
		LoadBalancerArns: []string{of}})
	l.Must(err)
	for _, z := range out.LoadBalancers[0].AvailabilityZones {
		in.Subnets = append(in.Subnets, aws.ToString(z.SubnetId))
	}
	made, err := l.Sim.Balancing.CreateLoadBalancer(l.Context(), in)
	l.Must(err)
	return aws.ToString(made.LoadBalancers[0].LoadBalancerArn)
}

// TestACopyOfALoadBalancerStaysUntilItsDeletionIsConsentedTo has some tool copy a load balancer and a target group with
// their tags; the copies' ARNs are before and after the originals'. A new process finds them.
func TestACopyOfALoadBalancerStaysUntilItsDeletionIsConsentedTo(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
	l.Settle(lab.Key("front"))
	r := l.Sim.Resources()
	original, group := r.LoadBalancers[0].ARN, r.TargetGroups[0].ARN
	var copies []string
	for _, name := range []string{"copy-one", "copy-two", "copy-three"} {
		copies = append(copies, copyBalancer(l, original, name))
		made, err := l.Sim.Balancing.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{
			Name: &name, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(8080), TargetType: elbtypes.TargetTypeEnumIp,
			VpcId: aws.String(lab.VPC), Tags: tagsOf(l, group),
		})
		l.Must(err)
		copies = append(copies, aws.ToString(made.TargetGroups[0].TargetGroupArn))
	}
	l.Restart()
	mark := l.Mark()
	l.Settle(lab.Key("front"))
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("written: %v", w)
	}
	if n := len(l.Sim.Resources().LoadBalancers); n != 4 {
		t.Fatalf("%d load balancers", n)
	}
	told := strings.Join(l.Events, "\n")
	for _, arn := range copies {
		if strings.Count(told, "write "+arn+" into annotation "+string(annotation.DeleteDuplicates)) != 1 {
			t.Errorf("%s is not told once:\n%s", arn, told)
		}
	}
	if strings.Count(told, "["+string(diag.DuplicateResource)+"]") != len(copies) {
		t.Errorf("told:\n%s", told)
	}
	ing := &networkingv1.Ingress{}
	if l.Get(ing, "front"); len(ing.Status.LoadBalancer.Ingress) != 1 || ing.Status.LoadBalancer.Ingress[0].Hostname !=
		r.LoadBalancers[0].DNSName {
		t.Errorf("status: %+v", ing.Status)
	}

	// An edit of the rest is carried out beside them.
	l.Create(lab.Service("more"))
	more := lab.Ingress("front", map[string]string{"delete-duplicates": copies[0] + ", " + copies[1]}, "web", "more")
	ing.Spec, ing.Annotations = more.Spec, more.Annotations
	l.Must(l.Client.Update(t.Context(), ing))
	l.Settle(lab.Key("front"))
	r = l.Sim.Resources()
	if len(r.LoadBalancers) != 3 || len(r.TargetGroups) != 4 {
		t.Errorf("left: %v", l.Left())
	}
	for _, lb := range r.LoadBalancers {
		if lb.ARN == copies[0] || lb.ARN == original && len(lb.Listeners[0].Rules) != 3 {
			t.Errorf("%s has %d rules", lb.Name, len(lb.Listeners[0].Rules))
		}
	}

	// The Ingress goes; what no annotation allows to delete stays, and holds it up no longer.
	l.Must(l.Client.Delete(t.Context(), ing))
	l.Settle(lab.Key("front"))
	if l.Get(ing, "front") {
		t.Error("the Ingress is held up")
	}
	for _, lb := range l.Sim.Resources().LoadBalancers {
		if lb.ARN == original {
			t.Error("the original is left")
		}
	}
}

// TestCopyOutlivesDeletionOfOriginalOverSeveralPasses: AWS lets go of target groups and
// security groups some time after the load balancer that used them, so that later passes find the copy alone.
func TestCopyOutlivesDeletionOfOriginalOverSeveralPasses(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{InterfaceRelease: 40 * time.Second, TargetGroupRelease: 5 * time.Second}, lab.Class(),
		lab.Service("web"), lab.Ingress("front", nil, "web"))
	l.Settle(lab.Key("front"))
	duplicate := copyBalancer(l, l.Sim.Resources().LoadBalancers[0].ARN, "copy")
	l.Restart()
	l.Settle(lab.Key("front"))
	ing := &networkingv1.Ingress{}
	l.Get(ing, "front")
	l.Must(l.Client.Delete(t.Context(), ing))
	l.Settle(lab.Key("front"))
	r := l.Sim.Resources()
	if len(r.LoadBalancers) != 1 || r.LoadBalancers[0].ARN != duplicate || len(r.TargetGroups) > 0 {
		t.Errorf("left: %v", l.Left())
	}
	if l.Get(ing, "front") {
		t.Error("the Ingress is held up")
	}
	if n := strings.Count(strings.Join(l.Events, "\n"), "["+string(diag.DuplicateResource)+"]"); n != 1 {
		t.Errorf("told %d times:\n%s", n, strings.Join(l.Events, "\n"))
	}
}

// TestCopyOutlivesRestartAmidDeletionOfOriginal has a process that keeps checkpoints
// end without another write between the deletion of the original and that of its security group.
func TestCopyOutlivesRestartAmidDeletionOfOriginal(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(*lab.Lab){
		"the copy was seen before":                        func(l *lab.Lab) { l.Settle(lab.Key("front")) },
		"the copy is seen in the pass that deletes first": func(*lab.Lab) {},
		"the copy was kept by a process long before it": func(l *lab.Lab) {
			l.Settle(lab.Key("front"))
			l.End()
			l.Restart()
		},
		"the copy was seen by a process that wrote no more": func(l *lab.Lab) { l.Settle(lab.Key("front")); l.Restart() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{InterfaceRelease: 40 * time.Second, TargetGroupRelease: 5 * time.Second},
				lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
			l.Checkpointed = true
			l.Restart()
			l.Settle(lab.Key("front"))
			original := l.Sim.Resources().LoadBalancers[0].ARN
			duplicate := copyBalancer(l, original, "copy")
			l.End()
			l.Restart()
			before(l)
			ing := &networkingv1.Ingress{}
			l.Get(ing, "front")
			l.Must(l.Client.Delete(t.Context(), ing))
			for n := 0; len(l.Sim.Resources().LoadBalancers) > 1; n++ {
				if n > 20 {
					t.Fatalf("the original is not deleted:\n%s", strings.Join(l.Events, "\n"))
				}
				_, _ = l.Round(lab.Key("front")) // what waits for AWS is an error
				l.Clock.Advance(time.Millisecond)
			}
			if !l.Get(ing, "front") {
				t.Fatal("the deletion is over")
			}
			l.Events = nil
			l.Restart()
			l.Settle(lab.Key("front"))
			r := l.Sim.Resources()
			if len(r.LoadBalancers) != 1 || r.LoadBalancers[0].ARN != duplicate || len(r.TargetGroups) > 0 {
				t.Errorf("left: %v", l.Left())
			}
			if l.Get(ing, "front") {
				t.Error("the Ingress is held up")
			}
			if told := strings.Join(l.Events, "\n"); strings.Count(told, "["+string(diag.DuplicateResource)+"]") != 1 ||
				!strings.Contains(told, duplicate) {
				t.Errorf("told:\n%s", told)
			}
			l.Crash()
			l.Restart() // with the journal of the last process, which an orderly end folds into the other pieces
			l.Settle(lab.Key("front"))
			l.End()
			if strings.Contains(l.Written(), duplicate) {
				t.Error("it is remembered for good")
			}
		})
	}
}

// TestDeletionWaitsUntilDuplicatesAreStored has the API server take no checkpoints for a while.
func TestDeletionWaitsUntilDuplicatesAreStored(t *testing.T) {
	t.Parallel()
	l := lab.NewKeeper(t, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
	l.Settle(lab.Key("front"))
	duplicate := copyBalancer(l, l.Sim.Resources().LoadBalancers[0].ARN, "copy")
	l.Restart()
	served, ok := l.Client.(client.WithWatch)
	if !ok {
		t.Fatal("the client cannot watch")
	}
	refuses := true
	l.Checkpointer.Store = checkpoint.New(interceptor.NewClient(served, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if strings.Contains(o.GetName(), "-duplicates-") && refuses {
				return apierrors.NewInternalError(errors.New("etcd is full"))
			}
			return c.Create(ctx, o, opts...)
		},
	}), controller.CheckpointConfig(l.Config, "kube-system", l.Clock.Now, logr.Discard()))
	_, err := l.Checkpointer.Store.Open(t.Context(), func(bool) {})
	l.Must(err)
	ing := &networkingv1.Ingress{}
	l.Get(ing, "front")
	l.Must(l.Client.Delete(t.Context(), ing))
	mark := l.Mark()
	for range 3 {
		if _, err := l.Round(lab.Key("front")); err == nil {
			t.Error("no other attempt is made")
		}
	}
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("written: %v", w)
	}
	if n := strings.Count(strings.Join(l.Events, "\n"), "["+string(diag.CheckpointNotWritten)+"]"); n != 1 {
		t.Errorf("told %d times:\n%s", n, strings.Join(l.Events, "\n"))
	}
	refuses = false
	l.Settle(lab.Key("front"))
	if r := l.Sim.Resources(); len(r.LoadBalancers) != 1 || r.LoadBalancers[0].ARN != duplicate {
		t.Errorf("left: %v", l.Left())
	}
}

// tagsFor are tags with another stack's name.
func tagsFor(tags []elbtypes.Tag, name string) []elbtypes.Tag {
	out := slices.Clone(tags)
	for i := range out {
		if aws.ToString(out[i].Key) == "ingress.k8s.aws/stack" {
			out[i].Value = &name
		}
	}
	return out
}
