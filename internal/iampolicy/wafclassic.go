package iampolicy

// classicActions are those of WAF Classic in the standard policy.
var classicActions = []string{
	"waf-regional:GetWebACL", "waf-regional:GetWebACLForResource", "waf-regional:AssociateWebACL", "waf-regional:DisassociateWebACL",
}

// WAFClassic is the feature of annotations that name web ACLs of WAF Classic.
const WAFClassic Feature = "waf-classic"

// classicRules are the rules of its actions.
var classicRules = []rule{
	{sid: "AddOns", feature: WAFClassic, actions: []string{"waf-regional:AssociateWebACL", "waf-regional:DisassociateWebACL", "waf-regional:GetWebACLForResource"}},
	{sid: "AddOns", feature: WAFClassic, actions: []string{"elasticloadbalancing:SetWebAcl", "waf-regional:GetWebACL"}, within: "waf-regional:AssociateWebACL"},
}
