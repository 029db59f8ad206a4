package stackjson

import "github.com/k8s-lbc/lbc/internal/stack"

// Types of what lies over a load balancer; each has its identity.
const (
	typeWebACL = "AWS::WAFv2::WebACLAssociation"
	typeShield = "AWS::Shield::Protection"
)

type webACL struct {
	ARN         string `json:"webACLARN"` // empty: none is to be associated
	ResourceARN any    `json:"resourceARN"`
}

type protection struct {
	Enabled     bool `json:"enabled"`
	ResourceARN any  `json:"resourceARN"`
}

// addOns are the entries for what lies over a load balancer; what is not managed has none.
func addOns(lb stack.LoadBalancer, put func(kind, id string, spec any)) {
	on := reference(stack.Ref{Kind: stack.KindLoadBalancer, ID: lb.ID})
	if lb.WebACL != nil {
		put(typeWebACL, lb.ID, webACL{*lb.WebACL, on})
	}
	putClassicWebACL(lb, on, put) // decision 16: WAF Classic
	if lb.Shield != nil {
		put(typeShield, lb.ID, protection{*lb.Shield, on})
	}
}
