package offline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// readsAtOnce is how many target groups are read side by side.
const readsAtOnce = 8

// syncAll finds what would be registered and deregistered for all bindings that are shown.
func (p *bindingPlanner) syncAll(ctx context.Context) error {
	p.zones = p.workloads.zones()
	var reads errgroup.Group
	reads.SetLimit(readsAtOnce)
	for _, b := range p.all {
		if !b.shown {
			continue
		}
		reads.Go(func() error {
			err := p.sync(ctx, b)
			if err != nil && b.OfStack() { // the plan of its stack counts all the same
				b.Unread = true
				b.Diagnostics = append(b.Diagnostics,
					note(bindings.Problem(b.Object, "spec.targetGroupARN", fmt.Errorf("its targets are not planned: %w", err))))
				err = nil
			}
			if err != nil {
				err = fmt.Errorf("%s: reading what is registered: %w", bindingobject.BindingObject(b.Object), err)
			}
			return err
		})
	}
	return reads.Wait()
}

// sync finds what would be registered and deregistered: the controller's registry does, with writes that are not
// carried out.
func (p *bindingPlanner) sync(ctx context.Context, b *plannedBinding) error {
	if b.State == Unserved || b.Object.Spec.TargetGroupARN == "" || b.Object.Spec.IamRoleArnToAssume != "" {
		return nil
	}
	o, did := b.Object, &collector{}
	registry := registrar.NewRegistry(func(awsclient.Scope) (registrar.ScopeCalls, error) {
		return registrar.ScopeCalls{ELBV2: p.Balancing, Write: did.write, CreatedHere: func(string) bool { return false }},
			nil
	})
	registry.Clock = stopped{time.Now()}
	registry.Seen = func(_ string, health []registrar.Health) { b.Health = health }
	request := registrar.Request{Group: registrar.Group{Scope: p.scope, ARN: o.Spec.TargetGroupARN}, Binding: b.ID(),
		Want: registrar.EndpointsOf(b.wanted...), Max: p.Config.MaxTargetsPerGroup}
	if b.State == Unknown {
		if !p.Explained {
			return nil
		}
		var err error
		b.Health, err = registry.Health(ctx, request.Group)
		return err
	}
	if o.Spec.MultiClusterTargetGroup {
		recorded := record(p.Recorded)
		request.Record = recorded
		keys, _, err := recorded.Load(ctx, b.ID())
		if err != nil {
			return fmt.Errorf("reading the list of this cluster's targets: %w", err)
		}
		b.Recorded = keys
	}
	if *o.Spec.TargetType == v1beta1.TargetTypeIP {
		if vpc, known := p.Inventory.VPCAtHand(ctx, o.Spec.VpcID); known {
			request.Zone = bindings.ZoneOf(vpc)
		}
	}
	request.HomeZone = func(_ context.Context, e registrar.Endpoint) string { return p.zones[e.Node] }
	change, err := p.syncWith(ctx, registry, request, b)
	if err != nil && awsclient.Classify(err).Code == awsclient.CodeTargetGroupNotFound {
		if !b.OfStack() { // a stack makes another one
			b.refuse(Unserved, bindings.Problem(o, "spec.targetGroupARN", err))
		}
		err = nil
	}
	if err != nil {
		return err
	}
	if change.LeftOut > 0 {
		b.Diagnostics = append(b.Diagnostics, bindings.LeftOut(o, change.LeftOut, p.Config.MaxTargetsPerGroup))
	}
	b.draining, _ = registry.FoundDraining(request.Group)
	b.noteWrites(did.ops)
	return nil
}

// syncWith makes the request. Of what the controller keeps it is known which targets serve once they have been read.
func (p *bindingPlanner) syncWith(ctx context.Context, registry *registrar.Registry, q registrar.Request,
	b *plannedBinding) (registrar.Change, error) {
	ofUser, err := p.ofUser(ctx, b)
	if err != nil {
		return registrar.Change{}, err
	}
	if ofUser {
		q.Keep = true // until it is known what is registered
		if change, err := registry.Sync(ctx, q); err != nil {
			return change, err
		}
		q.Keep = false
		p.protect(ctx, &q, b)
	}
	if !b.kept {
		return registry.Sync(ctx, q)
	}
	have := p.Former(b.Object.Namespace, b.Object.Name)
	pods := bindings.FormerPods(have, slices.Values(objects.List[*corev1.Pod](p.View, objects.Pod, have.Namespace)))
	q.Emptied = true
	keep := func() {
		registered, _ := registry.Unlisted(q.Group, registrar.Endpoints{})
		q.Former = bindings.FormerAt(registered, pods)
		registry.KeepServing(q, false, func(e registrar.Endpoint) bool {
			pod, ok := p.workloads.Pod(ctx, e.Namespace, e.Pod)
			return ok && bindings.PodServes(pod, e.ID)
		})
	}
	keep()
	if change, err := registry.Sync(ctx, q); err != nil {
		return change, err
	}
	keep()
	return registry.Sync(ctx, q)
}

// noteWrites records the targets that the operations would register and deregister.
func (b *plannedBinding) noteWrites(ops []plan.Operation) {
	for _, op := range ops {
		switch op := op.(type) {
		case awsop.RegisterTargets:
			b.Register = append(b.Register, op.Targets...)
		case awsop.DeregisterTargets:
			b.Deregister = append(b.Deregister, op.Targets...)
		}
	}
	for _, l := range [][]registrar.Target{b.Register, b.Deregister} {
		slices.SortFunc(l, func(x, y registrar.Target) int { return strings.Compare(x.Key(), y.Key()) })
	}
}

// TargetGroupName returns the name of the target group, empty if it is not known.
func (b *Binding) TargetGroupName() string {
	return cmp.Or(aws.ToString(b.TargetGroup.TargetGroupName), naming.OfTargetGroup(b.Object.Spec.TargetGroupARN),
		b.Object.Spec.TargetGroupName)
}
