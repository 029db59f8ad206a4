package compile

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/policy/consent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ofItsGateway reports whether the application load balancer of a target group is that of the Gateway which a route
// names. The ARN comes from the status of that Gateway, so whoever may write the status could expose another load
// balancer. AWS decides: the load balancer has the tags of the Gateway, or its owner consents to its use. While AWS has
// not answered, nothing of the stack changes.
func (b *build) ofItsGateway(i int, tg *intent.TargetGroup, source intent.Source) bool {
	arn := tg.Balancer
	owner, asked := b.f.TargetGroupOwners[arn]
	if !asked {
		b.lookUpOf(i, source, facts.Need{Kind: facts.NeedTargetGroupOwner, Key: arn})
		return false
	}
	gateway := stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: tg.ServiceNamespace, Name: tg.ServiceName}}
	if owner != nil {
		if !owner.Ambiguous && owner.Stack == gateway {
			return true
		}
		b.refuseBalancer(i, tg, source)
		return false
	}
	if b.cfg.LoadBalancersOfOthers.Of(b.cfg.Cluster, tg.ServiceNamespace, consent.Balancer{
		ARN: arn, Name: balancerName(arn)}) != consent.None {
		return true
	}
	lb, asked := b.f.LoadBalancers[arn]
	switch need := (facts.Need{Kind: facts.NeedLoadBalancer, Key: arn}); {
	case !asked && b.f.Failed(need) == nil:
		b.lookUp(need)
		return false
	case asked && lb == nil: // AWS registers no load balancer that does not exist
		return true
	case asked && consent.Tagged(lb.Tags[naming.SharedWithTag], b.cfg.Cluster, tg.ServiceNamespace) != consent.None:
		return true
	}
	b.refuseBalancer(i, tg, source)
	return false
}

// balancerName is the name in the ARN of a load balancer; empty = the ARN has another form.
func balancerName(arn string) string {
	if parts := strings.Split(arn, "/"); len(parts) == 4 {
		return parts[2]
	}
	return ""
}

func (b *build) refuseBalancer(i int, tg *intent.TargetGroup, source intent.Source) {
	b.fail(i, diag.New(b.members[i].Object, source.Path(), diag.RefNotPermitted,
		fmt.Sprintf("the condition Programmed of Gateway %s/%s names load balancer %s, which does not belong to that Gateway",
			tg.ServiceNamespace, tg.ServiceName, tg.Balancer),
		"remove the condition; the controller writes the ARN of the Gateway's own load balancer"))
}
