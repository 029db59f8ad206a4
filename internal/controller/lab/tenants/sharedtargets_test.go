package tenants

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/policy/iamroles"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// onNodes gives a Service a node port.
func onNodes(o client.Object, port int32) {
	if svc, ok := o.(*corev1.Service); ok {
		svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, port
	}
}

// sharesWithOwnPod has the tenant of mal share a target group, with a pod of his own.
func sharesWithOwnPod(l *lab.Lab, group v1beta1.TargetGroupBindingSpec) {
	l.Helper()
	svc := lab.Service("web")
	svc.Namespace, svc.UID = "mal", "uid-mal"
	onNodes(svc, 30081)
	l.Create(svc)
	for _, o := range lab.Pods("a", "10.0.128.66") {
		o.SetNamespace("mal")
		if s, ok := o.(*discoveryv1.EndpointSlice); ok {
			s.Endpoints[0].TargetRef.Namespace = "mal"
		}
		l.Create(o)
	}
	b := lab.Binding("", v1beta1.TargetTypeIP)
	b.Namespace, b.Name, b.UID = "mal", "steal", "uid-steal"
	b.Spec.TargetGroupARN, b.Spec.TargetGroupName = group.TargetGroupARN, group.TargetGroupName
	b.Spec.TargetType = cmp.Or(group.TargetType, b.Spec.TargetType)
	b.Spec.MultiClusterTargetGroup = true
	l.Create(b)
}

// TestSharedTargetGroupTakesNoPodsOfOthers has a tenant share the target group of another one, which several clusters
// share: he names it by ARN, by name, or by the name that it will have.
func TestSharedTargetGroupTakesNoPodsOfOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		byName, early bool
		flags         []string
		want          []string
	}{
		"by ARN":                    {want: []string{"10.0.128.50:8080"}},
		"by name":                   {byName: true, want: []string{"10.0.128.50:8080"}},
		"by name, before it exists": {byName: true, early: true, want: []string{"10.0.128.50:8080"}},
		"as the administrator allows": {flags: []string{"--cross-namespace-target-groups=mal=*"}, want: []string{
			"10.0.128.50:8080", "10.0.128.66:8080"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, map[string]string{
				"multi-cluster-target-group": "true"}), lab.Class(), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
			l.Flags(c.flags...)
			l.Create(lab.Pods("a", "10.0.128.50")...)
			generated := ""
			if c.early { // another account of the same cluster shows the name
				other := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, nil), lab.Class())...)
				other.Settle(lab.FrontGroup)
				generated = other.Sim.Resources().TargetGroups[0].Name
				sharesWithOwnPod(l, v1beta1.TargetGroupBindingSpec{TargetGroupName: generated})
			}
			l.Settle(lab.FrontGroup)
			group := l.Sim.Resources().TargetGroups[0]
			switch {
			case c.early && group.Name != generated:
				t.Fatalf("the target group is %s, not %s", group.Name, generated)
			case c.early:
			case c.byName:
				sharesWithOwnPod(l, v1beta1.TargetGroupBindingSpec{TargetGroupName: group.Name})
			default:
				sharesWithOwnPod(l, v1beta1.TargetGroupBindingSpec{TargetGroupARN: group.ARN})
			}
			l.Settle(lab.FrontGroup)
			l.Restart()
			l.Settle(lab.FrontGroup)
			if got := l.Targets(group.ARN); !slices.Equal(got, c.want) {
				t.Errorf("targets %v, want %v:\n%s", got, c.want, strings.Join(l.Events, "\n"))
			}
		})
	}
}

// TestForgedRecordDeregistersNoPodsOfOthers has a tenant who may share the target group of another one write the other
// one's targets into the record of his binding.
func TestForgedRecordDeregistersNoPodsOfOthers(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ip", "instance"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			members := lab.GroupMember("shop", "web", 0, map[string]string{"multi-cluster-target-group": "true",
				"target-type": kind})
			onNodes(members[0], 30080)
			l := lab.New(t, account.Profile{}, append(members, lab.Class(), lab.Node("a",
				"aws:///us-west-2a/i-0a1de0000000000a1"))...)
			l.Flags("--cross-namespace-target-groups=mal=*")
			l.Create(lab.Pods("a", "10.0.128.50")...)
			l.Settle(lab.FrontGroup)
			group := l.Sim.Resources().TargetGroups[0]
			own := l.Targets(group.ARN)
			sharesWithOwnPod(l, v1beta1.TargetGroupBindingSpec{TargetGroupARN: group.ARN, TargetType: new(
				v1beta1.TargetType(kind))})
			l.Settle(lab.FrontGroup)
			both := l.Targets(group.ARN)
			record := &corev1.ConfigMap{}
			l.Must(l.Client.Get(t.Context(), client.ObjectKey{Namespace: "mal", Name: naming.ClaimsConfigMap("steal")},
				record))
			record.Data[bindingobject.TargetsKey] = strings.Join(both, ",")
			l.Must(l.Client.Update(t.Context(), record))
			mark := l.Mark()
			l.Restart()
			l.Settle(lab.FrontGroup)
			if len(own) != 1 || len(both) != 2 || len(l.Writes(mark)) > 0 { // the other binding would register again
				t.Errorf("targets %v, of both %v, and %v\n%s", own, both, l.Writes(mark), strings.Join(l.Events, "\n"))
			}
			l.WantTargets(group.ARN, both...)
			mark = l.Mark()
			b := lab.Binding("", v1beta1.TargetTypeIP)
			b.Namespace, b.Name = "mal", "steal"
			l.Must(l.Client.Delete(t.Context(), b))
			l.Settle(lab.FrontGroup)
			l.WantTargets(group.ARN, own...)
			if got := l.Writes(mark); slices.Contains(got, "RegisterTargets") {
				t.Errorf("the deletion leads to %v", got)
			}
		})
	}
}

// TestForgedRecordDeregistersNoTargetsOfOtherClusters has two clusters share a target group that neither made, and a
// tenant of this one write what the other one registered into the record of his binding.
func TestForgedRecordDeregistersNoTargetsOfOtherClusters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		checkpointed bool
		ended        bool     // the pod of the binding ends while the controller does not run
		stays        []string // of this cluster's targets
	}{
		"with checkpoints":                   {checkpointed: true},
		"with checkpoints, its pod ended":    {checkpointed: true, ended: true},
		"without checkpoints":                {},
		"without checkpoints, its pod ended": {ended: true, stays: []string{"10.0.128.50:8080"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, arn := lab.PrecedingLab(t)
			l.Checkpointed = c.checkpointed
			l.Restart()
			b := lab.Binding(arn, v1beta1.TargetTypeIP)
			b.Spec.MultiClusterTargetGroup = true
			l.Create(b)
			l.Settle()
			_, err := l.Sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: &arn,
				Targets: []elbtypes.TargetDescription{{Id: new("10.0.1.78"), Port: new(int32(80))}}})
			l.Must(err)
			record := &corev1.ConfigMap{}
			forge := func() {
				if l.Get(record, naming.ClaimsConfigMap("bound")) {
					record.Data[bindingobject.TargetsKey] = "10.0.1.77:80,10.0.1.78:80,10.0.128.50:8080,10.0.128.51:8080"
					l.Must(l.Client.Update(t.Context(), record))
				}
			}
			restart := func() {
				if c.checkpointed {
					l.Crash()
				}
				l.Restart()
			}
			forge()
			if c.ended {
				for _, o := range lab.Pods("a", "10.0.128.50") {
					l.Must(l.Client.Delete(t.Context(), o))
				}
			}
			restart()
			l.Settle()
			others := []string{"10.0.1.77:80", "10.0.1.78:80"}
			if want := append(others, c.stays...); c.ended {
				l.WantTargets(arn, want...)
			} else {
				l.WantTargets(arn, append(others, "10.0.128.50:8080")...)
			}
			if c.checkpointed && !l.Saw("TargetGroupBinding shop/bound", "stay registered: 10.0.1.78:80") {
				t.Errorf("no note:\n%s", strings.Join(l.Events, "\n"))
			}
			l.Scale("web", "10.0.128.51") // of which a record is saved
			l.Settle()
			l.WantTargets(arn, append(others, append(slices.Clone(c.stays), "10.0.128.51:8080")...)...)
			forge()
			restart()
			l.Must(l.Client.Delete(t.Context(), b))
			l.Settle()
			l.WantTargets(arn, append(others, c.stays...)...)
		})
	}
}

// TestNarrowedFlagTakesPodsOutOfSharedTargetGroup has the administrator no longer allow a tenant to share the target
// group of another one: while the controller does not run, and with the binding deleted meanwhile.
func TestNarrowedFlagTakesPodsOutOfSharedTargetGroup(t *testing.T) {
	t.Parallel()
	for _, deleted := range []bool{false, true} {
		t.Run(fmt.Sprint("deleted: ", deleted), func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, map[string]string{
				"multi-cluster-target-group": "true"}), lab.Class(), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
			l.Flags("--cross-namespace-target-groups=mal=*")
			l.Create(lab.Pods("a", "10.0.128.50")...)
			l.Settle(lab.FrontGroup)
			group := l.Sim.Resources().TargetGroups[0]
			sharesWithOwnPod(l, v1beta1.TargetGroupBindingSpec{TargetGroupARN: group.ARN})
			l.Settle(lab.FrontGroup)
			l.WantTargets(group.ARN, "10.0.128.50:8080", "10.0.128.66:8080")
			record := &corev1.ConfigMap{} // the tenant adds the target of the other one
			l.Must(l.Client.Get(t.Context(), client.ObjectKey{Namespace: "mal", Name: naming.ClaimsConfigMap("steal")},
				record))
			record.Data[bindingobject.TargetsKey] = "10.0.128.50:8080,10.0.128.66:8080"
			l.Must(l.Client.Update(t.Context(), record))
			if deleted {
				b := lab.Binding("", v1beta1.TargetTypeIP)
				b.Namespace, b.Name = "mal", "steal"
				l.Must(l.Client.Delete(t.Context(), b))
			}
			l.Flags("--cross-namespace-target-groups=none")
			l.Settle(lab.FrontGroup)
			l.WantTargets(group.ARN, "10.0.128.50:8080")
			l.Settle(lab.FrontGroup)
			if n := len(l.AllBindings()); deleted && n != 1 {
				t.Errorf("there are %d bindings", n)
			}
		})
	}
}

// TestWithdrawnShareTakesEveryTargetOut has the administrator no longer allow a tenant to share the target group of
// another one, whose pod has ended, or whose binding says that it never shared.
func TestWithdrawnShareTakesEveryTargetOut(t *testing.T) {
	t.Parallel()
	edit := func(change func(b *v1beta1.TargetGroupBinding)) func(l *lab.Lab) {
		return func(l *lab.Lab) {
			b := &v1beta1.TargetGroupBinding{}
			l.Must(l.Client.Get(l.Context(), client.ObjectKey{Namespace: "mal", Name: "steal"}, b))
			change(b)
			l.Must(l.Client.Update(l.Context(), b))
		}
	}
	for name, before := range map[string]func(l *lab.Lab){
		"its pod has ended": func(l *lab.Lab) {
			for _, o := range lab.Pods("a", "10.0.128.66") {
				o.SetNamespace("mal")
				l.Must(l.Client.Delete(l.Context(), o))
			}
		},
		"it does not share": edit(func(b *v1beta1.TargetGroupBinding) { b.Spec.MultiClusterTargetGroup = false }),
		"it looks like the binding of a stack": edit(func(b *v1beta1.TargetGroupBinding) {
			b.Labels = map[string]string{"ingress.k8s.aws/stack-namespace": "shop", "ingress.k8s.aws/stack-name": "web"}
		}),
	} {
		for _, settled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, settled %t", name, settled), func(t *testing.T) {
				t.Parallel()
				l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, map[string]string{
					"multi-cluster-target-group": "true"}), lab.Class(), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
				l.Checkpointed = true
				l.Flags("--cross-namespace-target-groups=mal=*")
				l.Create(lab.Pods("a", "10.0.128.50")...)
				l.Settle(lab.FrontGroup)
				group := l.Sim.Resources().TargetGroups[0]
				sharesWithOwnPod(l, v1beta1.TargetGroupBindingSpec{TargetGroupARN: group.ARN})
				l.Settle(lab.FrontGroup)
				l.WantTargets(group.ARN, "10.0.128.50:8080", "10.0.128.66:8080")
				l.End()
				l.Restart()
				l.Settle(lab.FrontGroup)
				l.Crash()
				before(l)
				if settled {
					l.Settle(lab.FrontGroup)
					l.Crash()
				}
				l.Flags("--cross-namespace-target-groups=none")
				l.Settle(lab.FrontGroup)
				l.WantTargets(group.ARN, "10.0.128.50:8080")
			})
		}
	}
}

// TestRoleOfTheOwnAccountMakesNoTargetGroupExternal has a tenant share the target group of another one by a role of the
// controller's own account. The controller starts again while AWS does not show tags, so that it knows no target group.
func TestRoleOfTheOwnAccountMakesNoTargetGroupExternal(t *testing.T) {
	t.Parallel()
	for _, multi := range []bool{false, true} {
		for what, code := range map[string]string{"no answer": "InternalFailure", "denied": "AccessDenied"} {
			t.Run(fmt.Sprintf("%s, shared %t", what, multi), func(t *testing.T) {
				t.Parallel()
				l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, map[string]string{
					"multi-cluster-target-group": fmt.Sprint(multi)}), lab.Class(),
					lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
				l.Create(lab.Pods("a", "10.0.128.50")...)
				l.Settle(lab.FrontGroup)
				group := l.Sim.Resources().TargetGroups[0]
				l.Restart()
				var err error
				l.Bound.Roles, err = iamroles.Parse([]string{allowlist.Any})
				l.Must(err)
				fault, err := l.Sim.Gate.AddFault(gate.Fault{Action: "DescribeTags", Code: code, Status: 500, Message: "no"})
				l.Must(err)
				if code == "InternalFailure" && multi { // nor which account it is
					_, err = l.Sim.Gate.AddFault(gate.Fault{Action: "GetCallerIdentity", Code: code, Status: 500, Message: "no"})
					l.Must(err)
				}
				sharesWithOwnPod(l, v1beta1.TargetGroupBindingSpec{TargetGroupARN: group.ARN})
				b := &v1beta1.TargetGroupBinding{}
				key := client.ObjectKey{Namespace: "mal", Name: "steal"}
				l.Must(l.Client.Get(t.Context(), key, b))
				b.Spec.IamRoleArnToAssume, b.Spec.MultiClusterTargetGroup = "arn:aws:iam::123456789012:role/x", multi
				l.Must(l.Client.Delete(t.Context(), b.DeepCopy()))
				b.ResourceVersion = ""
				l.Create(b)
				for range 5 {
					_, _ = l.Bound.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
					l.WriteObjects()
					l.Clock.Advance(time.Second)
				}
				if got := l.Targets(group.ARN); !slices.Equal(got, []string{"10.0.128.50:8080"}) {
					t.Errorf("targets %v:\n%s", got, strings.Join(l.Events, "\n"))
				}
				l.Sim.Gate.RemoveFault(fault)
				l.Clock.Advance(time.Hour)
				l.Settle(lab.FrontGroup)
				l.WantTargets(group.ARN, "10.0.128.50:8080")
			})
		}
	}
}
