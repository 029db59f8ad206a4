package bindingpass

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

// complete fills in what the user left to the target group, once: its ARN, type, protocol, address type and VPC. It
// reports whether the binding may be served: not before its ARN is written, by which other bindings of the target
// group, and a later process that ends this one, find it.
func (b *Reconciler) complete(ctx context.Context, o *v1beta1.TargetGroupBinding) (complete bool, d *diag.Diagnostic) {
	if d := bindings.Contradiction(b.Roles, o); d != nil {
		return false, d
	}
	s := &o.Spec
	if s.TargetGroupARN != "" && s.TargetType != nil && s.TargetGroupProtocol != nil && s.IPAddressType != nil &&
		s.VpcID != "" {
		return true, nil
	}
	k, before := b.memory.get(o), o.DeepCopy()
	if k.group == nil || k.read != o.Generation {
		tg, d := b.describe(ctx, o)
		if d == nil {
			d = bindings.Mismatch(o, tg)
		}
		if d != nil {
			return false, d
		}
		k.group, k.read = &tg, o.Generation
		b.memory.put(o, k)
	}
	bindings.Fill(s, *k.group)
	want := *s.DeepCopy()
	_, err := b.Writes.Enqueue(objectwriter.Write{Object: before, Part: objectwriter.Spec,
		Change: func(x client.Object) bool {
			t, ok := x.(*v1beta1.TargetGroupBinding)
			if !ok || t.Generation != before.Generation { // an edit makes another pass
				return false
			}
			changed := !equality.Semantic.DeepEqual(t.Spec, want)
			t.Spec = want
			return changed
		}}, o.Generation)
	if err != nil {
		x := diag.New(bindingobject.BindingObject(o), "spec", diag.BindingNotCompleted,
			"cannot write the fields of its target group into the binding: "+awsclient.SteadyText(err.Error()),
			"the controller tries again; if this persists, check that its ClusterRole and the policies of the cluster allow "+
				"the write, or set type, protocol, address type, VPC and ARN yourself")
		d = &x
	}
	return before.Spec.TargetGroupARN != "", d
}

// verifyWait is how long a pass waits for the description of the target group of a complete binding. Its targets must
// not wait longer for a check.
const verifyWait = time.Second

// verify compares a complete binding with its target group. That is read once, as nothing that is compared can change
// in AWS; if AWS does not answer in time, the binding is served, and again reports that another pass must ask again.
// The target group of a binding of a stack is not read, as the stack made both, nor is that of a binding which a former
// process found right.
func (b *Reconciler) verify(ctx context.Context, o *v1beta1.TargetGroupBinding) (d *diag.Diagnostic, again bool) {
	k := b.memory.get(o)
	if k.group == nil || aws.ToString(k.group.TargetGroupArn) != o.Spec.TargetGroupARN {
		if bindingobject.OfStack(o.Labels) || k.read == o.Generation || !k.unanswered && carriedOut(o) {
			return nil, false
		}
		bounded, end := context.WithTimeout(ctx, verifyWait)
		defer end()
		tg, d := b.describe(bounded, o)
		k.unanswered = d != nil && d.Class != diag.NotFound && d.Class != diag.Invalid
		if !k.unanswered {
			k.read = o.Generation
		}
		if d == nil {
			k.group = &tg
		}
		b.memory.put(o, k)
		if d != nil { // if it does not exist, the registration of targets reports it
			return nil, k.unanswered
		}
	}
	return bindings.Mismatch(o, *k.group), false
}

// carriedOut reports whether a pass has found a binding right as it is now.
func carriedOut(o *v1beta1.TargetGroupBinding) bool {
	ready := meta.FindStatusCondition(o.Status.Conditions, "Ready")
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == o.Generation
}

// describe reads the target group of a binding.
func (b *Reconciler) describe(ctx context.Context, o *v1beta1.TargetGroupBinding) (elbtypes.TargetGroup,
	*diag.Diagnostic) {
	balancing, err := b.balancing(o)
	if err != nil {
		return elbtypes.TargetGroup{}, bindings.Unread(o, err)
	}
	return bindings.Describe(ctx, balancing, o)
}
