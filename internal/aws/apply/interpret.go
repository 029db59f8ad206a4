package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// longest limits the pauses while a new resource may not be visible everywhere in AWS. If the next pause would be
// longer, the step fails.
const longest = 8 * time.Second

// interpretError decides the outcome of a step that failed with an error.
func (r *run) interpretError(ctx context.Context, s plan.Step, err error) Outcome {
	if errors.Is(err, ErrBindingExists) {
		return r.wait(s, "the old TargetGroupBinding of the same name to be deleted", err)
	}
	if errors.Is(err, ErrNamespaceEnds) {
		return r.wait(s, "Kubernetes to delete the objects of the namespace", err)
	}
	e := awsclient.Classify(err)
	failed := Outcome{State: Failed, Err: err, Problem: problemOf(s.Op, err)}
	if errors.Is(err, ErrBindingsUndefined) {
		failed.Problem = BindingsUndefined()
		return failed
	}
	if d, ok := refusedByAPI(s.Op, err); ok {
		failed.Problem = d
		return failed
	}
	if effect := s.Op.About().Effect; effect.AddOn != "" {
		o := r.interpretAddOn(s, e, failed, r.resolve(effect.Resource), effect.AddOn)
		return r.remembered(ctx, s, e, o)
	}
	switch missing := e.Missing(); {
	case e.Protected() && is[awsop.DeleteLoadBalancer](s.Op):
		return r.interpretProtected(s, e, err)
	case e.InUse() && s.Op.About().UsedBy != "":
		return r.interpretInUse(ctx, s, e, failed)
	case e.Class == diag.Throttled:
		o := r.wait(s, "AWS to accept calls again", err)
		if most := r.d.Now().Add(often.Longest); o.Until.After(most) { // the limiter slows all calls down already
			o.Until = most
		}
		return o
	case missing != "" && r.refersToCreated(s.Op, missing), e.Code == awsclient.CodeInvalidTarget &&
		is[awsop.RegisterLoadBalancer](s.Op):
		// AWS answers from replicas, on some of which a new load balancer, listener or other resource may be missing.
		if o := r.wait(s, "the new resource to be visible everywhere in AWS", err); o.Until.Sub(r.d.Now()) <= longest {
			return o
		}
	case e.Disagrees(), missing != "" && ours(s.Op, missing):
		return r.disagreed(ctx, s, e, failed)
	case e.Class == diag.Transient:
		// The effect of the call is unknown until the resource is read again.
		r.d.Inventory.MarkUncertain(r.key, s.Op, r.resolve)
	}
	r.d.Inventory.Refuted(s.Op, e)
	if e.Full() { // another step may make room: end remembers it
		return failed
	}
	return r.remembered(ctx, s, e, failed)
}

// interpretProtected decides the outcome of the deletion of a load balancer that AWS protects.
func (r *run) interpretProtected(s plan.Step, e awsclient.Error, err error) Outcome {
	// Somebody switched the protection on. The first time, the inventory forgets the cached attributes if it has any: the
	// next plan reads them, and switches the protection off if objects declare that. The second time, the deletion is
	// refused.
	known := r.d.Inventory.ForgetAttributes(r.key, r.resolve(s.Op.About().Refs[0]))
	if known && r.d.Inventory.Backoff(r.key, s.ID) == 1 {
		return Outcome{State: Waiting, Until: r.d.Now().Add(100 * time.Millisecond),
			On: "the deletion protection to be read again", Err: err}
	}
	g := diff.Protected(s.Resource.ID, nameOf(r.resolve(s.Op.About().Refs[0])))
	d := diag.New(diag.Object{}, "", g.Code, g.Text, g.Remedy)
	d.RequestID = e.RequestID
	return Outcome{State: Prevented, Problem: d, Err: err}
}

// interpretInUse decides the outcome of a step that failed because something else uses the resource. After some
// minutes, that is no part of the stack that AWS is still deleting.
func (r *run) interpretInUse(ctx context.Context, s plan.Step, e awsclient.Error, failed Outcome) Outcome {
	o := r.wait(s, s.Op.About().UsedBy, failed.Err)
	failed.Until = o.Until
	refusals, write := r.d.Inventory.Refusals(), plan.Fingerprint(s.Op, r.resolve)
	switch wait := o.Until.Sub(r.d.Now()); {
	case wait > often.Longest, refusals.Known(r.key, write):
		_, failed.Until = refusals.Refused(r.key, write, r.refusal(ctx, s, e, failed, refusal.Obstacle))
	case wait <= longest || !is[awsop.DeleteCertificate](s.Op): // a certificate has no parts that AWS still deletes
		return o
	}
	return failed
}

// disagreed decides the outcome of a step that AWS rejects because the account differs from the observed state of the
// plan. The first time the resource in conflict is read by its name: if it belongs to the stack, or does not exist, the
// stack is read again and planned again at once. If it belongs to another owner, or AWS rejects the same write again,
// the step fails, and is not sent again before a pause that grows to an hour, or before a look finds room.
func (r *run) disagreed(ctx context.Context, s plan.Step, e awsclient.Error, failed Outcome) Outcome {
	obstacle := r.refusal(ctx, s, e, failed, refusal.Obstacle)
	obstacle.Group = r.boundElsewhere(s.Op, e)
	n, until := r.d.Inventory.Refusals().Refused(r.key, plan.Fingerprint(s.Op, r.resolve), obstacle)
	failed.Until = until
	if n > 2 {
		return failed
	}
	// AWS's lists lag behind its writes: the resource is read again after the second refusal.
	other, err := r.d.Inventory.TakenByOther(ctx, r.key, s.Op)
	if other {
		return failed
	}
	r.d.Inventory.Invalidate(r.key)
	if n == 1 && err == nil {
		r.d.Inventory.Refusals().RetryObstacles(r.key)
		return Outcome{State: Waiting, Until: r.d.Now().Add(100 * time.Millisecond), On: "the account to be read again",
			Err: failed.Err}
	}
	r.d.Inventory.Refuted(s.Op, e)
	return failed
}

// boundElsewhere is the ARN of the target group of an operation that AWS rejects because another load balancer uses the
// group.
func (r *run) boundElsewhere(op plan.Operation, e awsclient.Error) string {
	if e.Code != awsclient.CodeTargetGroupAssociation {
		return ""
	}
	for _, ref := range op.About().Refs {
		if ref.Kind == stack.KindTargetGroup {
			return r.resolve(ref)
		}
	}
	return ""
}

// is reports whether an operation is of type T.
func is[T plan.Operation](op plan.Operation) bool {
	_, ok := op.(T)
	return ok
}

// ours reports whether the controller manages a missing resource. Users can name target groups and security groups too:
// if one of these does not exist, reading the stack again does not help.
func ours(op plan.Operation, missing stack.Kind) bool {
	if missing != stack.KindTargetGroup && missing != stack.KindSecurityGroup {
		return true
	}
	return slices.ContainsFunc(op.About().Refs, func(r stack.Ref) bool { return r.Kind == missing && r.ID != "" })
}

// problemOf is the diagnostic of an operation that AWS refuses, or has refused before.
func problemOf(op plan.Operation, err error) diag.Diagnostic {
	if o := bindingOf(op); o.Name != "" {
		return diag.New(diag.Object{}, "", diag.ObjectNotWritten, fmt.Sprintf(
			"the API server did not complete the write of %s: %s", o, awsclient.SteadyText(err.Error())),
			"nothing to do: the controller tries again; if the error persists, check the API server")
	}
	d := awsclient.Problem(plan.NameOf(op), err)
	if op.About().UsedBy != "" && awsclient.Classify(err).InUse() {
		d.Remedy = "remove the resources that use it; the controller then deletes it"
		if is[awsop.DeleteCertificate](op) {
			d.Remedy = "detach the certificate from the resources that its description in ACM lists; the controller then " +
				"deletes it"
		}
	}
	if change := awsop.ProtocolsOf(op); change.From != "" && d.Class == diag.Invalid && d.Code == diag.AWSRejected {
		return protocolRefused(d, change)
	}
	return d
}

// protocolRefused is the finding that AWS refuses to change the protocol of a listener. To delete and create the
// listener again would close the port, for good if AWS refuses the new protocol itself. The controller leaves that to
// the user.
func protocolRefused(d diag.Diagnostic, p awsop.Protocols) diag.Diagnostic {
	out := diag.New(d.Object, d.Path, diag.ProtocolRefused,
		fmt.Sprintf("port %s stays %s, because AWS refuses to change its listener to %s: %s", p.Listener, p.From,
			p.To, d.Text),
		fmt.Sprintf("correct what AWS names, or set the port back to %s; if AWS allows %s but not the change, remove the "+
			"port, wait until its listener is gone, and add it again as %s, "+
			"or declare %s on another port", p.From, p.To, p.To, p.To))
	out.RequestID = d.RequestID
	return out
}

// refusedByAPI is the finding that the API server refuses a TargetGroupBinding, by a policy of the cluster or for lack
// of a right; ok is false if an error has another cause.
func refusedByAPI(op plan.Operation, err error) (_ diag.Diagnostic, ok bool) {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return diag.Diagnostic{}, false
	}
	text := awsclient.SteadyText(err.Error())
	if denial, ok := diag.DenialOf(text); ok {
		_, created := op.(awsop.CreateBinding)
		said, remedy := denial.Of(bindingOf(op), created || is[awsop.UpdateBinding](op))
		return diag.New(diag.Object{}, "", diag.PolicyDenied, said, remedy), true
	}
	if apierrors.IsForbidden(err) {
		return diag.New(diag.Object{}, "", diag.AccessDenied, "the API server refuses "+bindingOf(op).String()+": "+text,
			"grant the controller's service account the right that the API server names, or change what forbids the write"), true
	}
	return diag.Diagnostic{}, false
}

// bindingOf names the object that an operation on a TargetGroupBinding writes.
func bindingOf(op plan.Operation) diag.Object {
	o := diag.Object{Kind: "TargetGroupBinding"}
	switch op := op.(type) {
	case awsop.CreateBinding:
		o.Namespace, o.Name = op.Binding.Namespace, op.Binding.Name
	case awsop.UpdateBinding:
		o.Namespace, o.Name = op.Binding.Namespace, op.Binding.Name
	case awsop.ReleaseBinding:
		o.Namespace, o.Name = op.Namespace, op.ObjectName
	case awsop.DeleteBinding:
		o.Namespace, o.Name = op.Namespace, op.ObjectName
	}
	return o
}

// nameOf returns the name in the ARN of a load balancer.
func nameOf(arn string) string {
	if parts := strings.Split(arn, "/"); len(parts) >= 3 {
		return parts[len(parts)-2]
	}
	return arn
}
