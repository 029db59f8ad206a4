package upkeep

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/targethealth"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// prioritized notes the priority of the calls that bindings make.
type prioritized struct {
	mu sync.Mutex
	of map[string]awsclient.Priority
}

func (p *prioritized) note(ctx context.Context, operation string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of[operation] = awsclient.PriorityOf(ctx)
}

type prioritizedELBV2 struct {
	awsclient.ELBV2
	*prioritized
}

func (p prioritizedELBV2) DescribeTargetHealth(ctx context.Context, in *elbv2.DescribeTargetHealthInput,
	o ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error) {
	p.note(ctx, "DescribeTargetHealth")
	return p.ELBV2.DescribeTargetHealth(ctx, in, o...)
}

func (p prioritizedELBV2) DescribeTargetGroups(ctx context.Context, in *elbv2.DescribeTargetGroupsInput,
	o ...func(*elbv2.Options)) (*elbv2.DescribeTargetGroupsOutput, error) {
	p.note(ctx, "DescribeTargetGroups")
	return p.ELBV2.DescribeTargetGroups(ctx, in, o...)
}

type prioritizedEC2 struct {
	awsclient.EC2
	*prioritized
}

func (p prioritizedEC2) DescribeInstances(ctx context.Context, in *ec2.DescribeInstancesInput,
	o ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	p.note(ctx, "DescribeInstances")
	return p.EC2.DescribeInstances(ctx, in, o...)
}

func TestReadsForTargetsComeFirstAndCosmeticOnesLast(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	p := &prioritized{of: map[string]awsclient.Priority{}}
	clients := l.Clients()
	balancing := prioritizedELBV2{clients.ELBV2, p}
	l.Bound.ELBV2, l.Bound.Networking.Interfaces = balancing, network.NewInterfaces(prioritizedEC2{clients.EC2, p},
		l.Clock.Now)
	l.Bound.Registry = lab.NewRegistry(balancing, apply.Deps{Clients: clients, Inventory: l.Inventory,
		Now: l.Clock.Now}.Write, l.Inventory)
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	b.Spec.VpcID = "" // to be completed
	l.Create(append(lab.Pods("a", "10.0.128.50"), b)...)
	l.Settle() // completes it
	l.Settle()
	if diff := cmp.Diff(map[string]awsclient.Priority{"DescribeTargetHealth": awsclient.Vital,
		"DescribeTargetGroups": awsclient.Vital, "DescribeInstances": awsclient.Vital}, p.of); diff != "" {
		t.Error(diff)
	}
	h := targethealth.NewWatch(l.Bound.Registry, func(diag.Object, reporting.Event) {},
		func(string, []registrar.Health) {}, l.Clock.Now)
	h.Expect(registrar.Group{ARN: b.Spec.TargetGroupARN}, bindingobject.BindingObject(b))
	h.Look(queue.Background(t.Context(), awsclient.TargetHealth))
	l.Clock.Advance(time.Minute)
	h.Look(queue.Background(t.Context(), awsclient.TargetHealth))
	if got := p.of["DescribeTargetHealth"]; got != awsclient.Cosmetic {
		t.Errorf("the watch on health has priority %d", got)
	}
}
