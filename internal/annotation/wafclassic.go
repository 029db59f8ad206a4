package annotation

import "github.com/k8s-lbc/lbc/internal/diag"

// The web ACL of WAF Classic.
const (
	ClassicWebACL Key = IngressPrefix + "waf-acl-id"
	FormerWebACL  Key = IngressPrefix + "web-acl-id" // read only if ClassicWebACL is absent
)

func wafClassicEntries() []Entry {
	return []Entry{
		{Key: ClassicWebACL, Syntax: String, Scope: OnIngress, Costs: diag.AddOn, Default: "left as it is", Merge: agree, Example: "00000000-0000-4000-8000-000000000001",
			Doc: "WAF Classic (regional) web ACL by id; none removes the association, an empty value changes nothing. AWS ended its support on 2025-09-30: use wafv2-acl-arn."},
		{Key: FormerWebACL, Syntax: String, Scope: OnIngress, Costs: diag.AddOn, Default: "left as it is", Merge: agree, Example: "00000000-0000-4000-8000-000000000001",
			Doc: "Former spelling of waf-acl-id, read only if that is absent."},
	}
}
