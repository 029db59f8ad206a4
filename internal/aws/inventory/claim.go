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

// Claim checks that what a create call answered belongs to the stack that asked for it. AWS answers CreateLoadBalancer
// and CreateTargetGroup with the resource that already has the name if its settings are the same, whoever owns it. A
// tenant who declares the name of another's resource would get that resource, with everything that is on it. The error
// is that of a name which is taken. Only a declared name costs a call: nobody else's resource has a generated one,
// except of this cluster.
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
			return fmt.Errorf("reading whose %s is: %w", name, err)
		}
		known = read[arn]
	}
	if owner, _, ours := naming.StackOf(i.cfg.Cluster, arn, known); ours && owner == key {
		return nil
	}
	if !existed {
		i.unclaim(arn)
	}
	return &smithy.GenericAPIError{Code: code, Message: fmt.Sprintf("%s exists and belongs to others", name)}
}

// created is the name of what an operation creates, the code of AWS's error for a name that is taken, and the tags.
func created(op plan.Operation) (name, code string, tags map[string]string) {
	switch op := op.(type) {
	case awsop.CreateLoadBalancer:
		return op.LoadBalancer.Name, "DuplicateLoadBalancerName", op.LoadBalancer.Tags
	case awsop.CreateTargetGroup:
		return op.TargetGroup.Name, "DuplicateTargetGroupName", op.TargetGroup.Tags
	}
	return "", "", nil
}

// claim returns the tags that a resource is known to have. One that is not known gets the tags of who asks, so that of
// two who get the same answer at the same time only the first keeps it.
func (i *Inventory) claim(arn string, tags map[string]string) (known map[string]string, existed bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if t, ok := i.tags[arn]; ok {
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
