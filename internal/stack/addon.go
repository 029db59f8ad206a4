package stack

// AddOns are what lies over a load balancer without carrying its traffic. In a wish nil means "not managed": what AWS holds
// stays. In an observation nil means "not known".
type AddOns struct {
	WebACL        *string `json:",omitempty"` // ARN of a WAFv2 web ACL; "" = none
	ClassicWebACL *string `json:",omitempty"` // id of a web ACL, "" = none; decision 16: WAF Classic
	Shield        *bool   `json:",omitempty"` // a protection of Shield Advanced
	Capacity      *int32  `json:",omitempty"` // reserved load balancer capacity units; 0 = none
}
