package tagkey

import "strings"

// ReservedLabel reports whether a key of a label is in a domain of the controller's, which finds its objects by such
// labels, or of the Gateway API's.
func ReservedLabel(key string) bool {
	domain, _, found := strings.Cut(strings.ToLower(key), "/")
	for _, own := range []string{"k8s.aws", "gateway.k8s.aws.alb", "gateway.k8s.aws.nlb", "gateway.networking.k8s.io"} {
		if found && (domain == own || strings.HasSuffix(domain, "."+own)) {
			return true
		}
	}
	return false
}
