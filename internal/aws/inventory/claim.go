package inventory

import (
	"context"
	"fmt"

	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Claim checks that the resource in the answer of a create call belongs to the stack that made the call. If a
// resource already has the name, and its settings are the same, AWS answers CreateLoadBalancer and CreateTargetGroup
// with that resource, whoever owns it. A tenant who declares the name of another's resource would get that resource,
// with everything on it. Claim then returns the error of a name that is taken. Only a declared name costs a call:
// outside this cluster, no resource has a generated name.
func (i *Inventory) Claim(ctx context.Context, key stack.Key, op plan.Operation, arn string) error {
	name, code, tags := created(op)
	if name == "" || arn == "" {
		return nil
	}
	known, existed := i.claim(arn, tags)
	if !existed {
		if naming.Generated(name) {
			return nil
		}
		read, err := i.describeTagBatch(ctx, []string{arn})
		if err == nil && read[arn] == nil {
			err = &smithy.GenericAPIError{Code: "ServiceUnavailable", Message: "AWS does not show the tags of " + name + " yet"}
		}
		if err != nil {
			i.unclaim(arn)
			return fmt.Errorf("cannot read the tags of %s: %w", name, err)
		}
		known = read[arn]
	}
	if owner, _, ours := naming.StackOf(i.cfg.Cluster, arn, known); ours && owner == key {
		return nil
	}
	if !existed {
		i.unclaim(arn)
	}
	return &smithy.GenericAPIError{Code: code, Message: fmt.Sprintf("%s exists and has another owner", name)}
}

// created returns the name and the tags of the resource that an operation creates, and AWS's error code for a name that
// is taken.
func created(op plan.Operation) (name, code string, tags map[string]string) {
	switch op := op.(type) {
	case awsop.CreateLoadBalancer:
		return op.LoadBalancer.Name, "DuplicateLoadBalancerName", op.LoadBalancer.Tags
	case awsop.CreateTargetGroup:
		return op.TargetGroup.Name, "DuplicateTargetGroupName", op.TargetGroup.Tags
	}
	return "", "", nil
}

// claim returns the known tags of a resource. If none are known, it records tags, those of the caller: if two callers
// get the same resource at the same time, only the first keeps it.
func (i *Inventory) claim(arn string, tags map[string]string) (known map[string]string, existed bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if t := i.tags[arn]; t.known() {
		return t.tags, true
	}
	i.retag(arn, tags)
	return nil, false
}

// unclaim has the tags of a resource read by the next listing.
func (i *Inventory) unclaim(arn string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.retag(arn, nil)
}
