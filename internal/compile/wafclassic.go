package compile

// keepClassicACL leaves a web ACL of WAF Classic on the load balancer until its successor is known.
func (b *build) keepClassicACL() {
	if b.unresolvedACL && b.lb.ClassicWebACL != nil && *b.lb.ClassicWebACL == "" {
		b.lb.ClassicWebACL = nil
	}
}
