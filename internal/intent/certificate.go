package intent

import "github.com/k8s-lbc/lbc/internal/stack"

// Certificate is a certificate in ACM that a member wishes for itself.
type Certificate struct {
	ID     string // identity as in stack.Certificate.ID
	Source Source
	Names  []string // sorted, the first is the certificate's domain
	// Authority is the private authority that is to issue it; empty = Amazon, which asks for a DNS record per name.
	Authority string
	// Import is the content of a Secret; nil = the certificate is requested.
	Import *stack.KeyPair
	// Broken marks a Secret that cannot be used: what was imported from it before serves on.
	Broken bool
}
