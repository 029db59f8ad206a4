package intent

// None is the name, ARN or id of a web ACL that asks for the association to be removed.
const None = "none"

// AddOns are the optional features of a load balancer that carry no traffic. What nobody sets stays as AWS holds it.
type AddOns struct {
	CustomerOwnedPool Field[string] // of an Outpost
	IPAMPool          Field[string] // not set = Amazon's addresses
	Capacity          Field[int32]  // reserved units; 0 = none
	WebACLName        Field[string] // WAFv2, or None; names win over ARNs, whoever of the members has them
	WebACL            Field[string] // WAFv2, an ARN or None
	ClassicWebACL     Field[string] // an id or None; decision 16: WAF Classic
	Shield            Field[bool]   // Shield Advanced
}
