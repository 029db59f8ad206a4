package stacks

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// retainedBy returns the notes on deleted objects whose load balancer stays because they declare that; none if
// nothing stays. c and o are the input of the plan.
func retainedBy(w front.Input, key stack.Key, c compile.Result, o awsop.Observed) (found diag.List) {
	if c.Stack.Removal == stack.NotRemoved || len(o.LoadBalancers) == 0 {
		return nil
	}
	retention := diff.Retention(c.Stack, &o, w.Options(key.Owner, diff.Options{}))
	if retention == stack.RetainNothing {
		return nil
	}
	text := fmt.Sprintf("load balancer %s stays in AWS with its target groups", o.LoadBalancers[0].Name)
	remedy := fmt.Sprintf("to manage it again, create the object again; to delete it: lbc cleanup --stack %s "+
		"--ignore-controller", key)
	if retention != c.Stack.Retention { // no object asks for it
		text += fmt.Sprintf(", because it was adopted and its tags do not let namespace %s delete it",
			w.Leaving[0].GetNamespace())
		remedy = fmt.Sprintf("delete it in AWS, or ask its former owner to set tag %s: %s/%s on it before its objects are "+
			"deleted; to delete it now: lbc cleanup --stack %s --ignore-controller",
			naming.DeletableByTag, c.Stack.Cluster, w.Leaving[0].GetNamespace(), key)
	}
	if retention == stack.RetainWithoutTags {
		text += " and without the controller's tags: it has no owner, and the controller no longer manages it"
		remedy = "delete it in AWS if nothing else needs it; its TargetGroupBindings stay, and keep its targets up to date"
	}
	for _, m := range w.Leaving {
		found = append(found, diag.New(owner.Object(m), owner.Of(key.Owner).DeletionPolicy.Path(), diag.LoadBalancerRetained,
			text, remedy))
	}
	return found
}
