package cloud

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
)

// WAFv2 is what the controller calls of AWS WAF.
type WAFv2 interface {
	AssociateWebACL(context.Context, *wafv2.AssociateWebACLInput, ...func(*wafv2.Options)) (*wafv2.AssociateWebACLOutput, error)
	DisassociateWebACL(context.Context, *wafv2.DisassociateWebACLInput, ...func(*wafv2.Options)) (*wafv2.DisassociateWebACLOutput, error)
	GetWebACLForResource(context.Context, *wafv2.GetWebACLForResourceInput, ...func(*wafv2.Options)) (*wafv2.GetWebACLForResourceOutput, error)
	ListWebACLs(context.Context, *wafv2.ListWebACLsInput, ...func(*wafv2.Options)) (*wafv2.ListWebACLsOutput, error)
}

// WAFRegional is what the controller calls of WAF Classic.
type WAFRegional interface {
	AssociateWebACL(context.Context, *wafregional.AssociateWebACLInput, ...func(*wafregional.Options)) (*wafregional.AssociateWebACLOutput, error)
	DisassociateWebACL(context.Context, *wafregional.DisassociateWebACLInput, ...func(*wafregional.Options)) (*wafregional.DisassociateWebACLOutput, error)
	GetWebACLForResource(context.Context, *wafregional.GetWebACLForResourceInput, ...func(*wafregional.Options)) (*wafregional.GetWebACLForResourceOutput, error)
}

// Shield is what the controller calls of Shield Advanced.
type Shield interface {
	CreateProtection(context.Context, *shield.CreateProtectionInput, ...func(*shield.Options)) (*shield.CreateProtectionOutput, error)
	DeleteProtection(context.Context, *shield.DeleteProtectionInput, ...func(*shield.Options)) (*shield.DeleteProtectionOutput, error)
	DescribeProtection(context.Context, *shield.DescribeProtectionInput, ...func(*shield.Options)) (*shield.DescribeProtectionOutput, error)
	GetSubscriptionState(context.Context, *shield.GetSubscriptionStateInput, ...func(*shield.Options)) (*shield.GetSubscriptionStateOutput, error)
}
