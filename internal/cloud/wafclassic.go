package cloud

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
)

// ServiceWAFRegional is the SDK's id of WAF Classic for load balancers.
const ServiceWAFRegional = "WAF Regional"

// ErrNoClassic is why nothing can be done with WAF Classic.
var ErrNoClassic = errors.New("the region has no WAF Classic")

// WAFRegional is what the controller calls of WAF Classic.
type WAFRegional interface {
	AssociateWebACL(context.Context, *wafregional.AssociateWebACLInput, ...func(*wafregional.Options)) (*wafregional.AssociateWebACLOutput, error)
	DisassociateWebACL(context.Context, *wafregional.DisassociateWebACLInput, ...func(*wafregional.Options)) (*wafregional.DisassociateWebACLOutput, error)
	GetWebACLForResource(context.Context, *wafregional.GetWebACLForResourceInput, ...func(*wafregional.Options)) (*wafregional.GetWebACLForResourceOutput, error)
}

// wafClassicService is the former generation of AWS WAF, which AWS switches off Region by Region.
var wafClassicService = addOnService{
	id: ServiceWAFRegional,
	// Actions that WAFv2 has too are distinguished from its by name.
	operations: map[string]Operation{
		"AssociateRegionalWebACL":      {ServiceWAFRegional, "waf-regional:AssociateWebACL", "put a web ACL of WAF Classic before a load balancer"},
		"DisassociateRegionalWebACL":   {ServiceWAFRegional, "waf-regional:DisassociateWebACL", "take a web ACL of WAF Classic away where none is wanted"},
		"GetRegionalWebACLForResource": {ServiceWAFRegional, "waf-regional:GetWebACLForResource", "know the web ACL of WAF Classic of a load balancer for which an annotation names one"},
	},
	codes: map[string]diag.Class{"WAFInvalidAccountException": diag.Denied},
	connect: func(c *Clients, cfg aws.Config, endpoint *string) {
		client := wafregional.NewFromConfig(cfg, func(o *wafregional.Options) { override(&o.BaseEndpoint, endpoint) })
		if hasClassic(client.Options()) {
			c.WAFRegional = client
		}
	},
	family: func(operation string) apiFamily { return firewallFamily(ServiceWAFRegional, operation) },
}

func (s *sender) AssociateRegionalWebACL(op elb.AssociateRegionalWebACL) {
	if s.hasClassic() {
		request(s, s.c.WAFRegional.AssociateWebACL, &wafregional.AssociateWebACLInput{WebACLId: aws.String(op.WebACL), ResourceArn: s.id(op.LoadBalancer)})
	}
}

func (s *sender) DisassociateRegionalWebACL(op elb.DisassociateRegionalWebACL) {
	if s.hasClassic() {
		request(s, s.c.WAFRegional.DisassociateWebACL, &wafregional.DisassociateWebACLInput{ResourceArn: s.id(op.LoadBalancer)})
	}
}

// hasClassic reports whether there is a client of WAF Classic; without one, sending is ErrNoClassic.
func (s *sender) hasClassic() bool {
	s.send = func(context.Context) (elb.Output, error) { return elb.Output{}, ErrNoClassic }
	return s.c.WAFRegional != nil
}

// hasClassic reports whether the SDK finds an address of WAF Classic, which it does for every region by its name. Whether something answers
// there is another matter.
func hasClassic(o wafregional.Options) bool {
	p := wafregional.EndpointParameters{Region: aws.String(o.Region), Endpoint: o.BaseEndpoint}
	_, err := wafregional.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(), p.WithDefaults())
	return err == nil
}
