package stack

// Certificate is the wish for one certificate in ACM that the stack owns: requested for host names, or imported from a Secret.
type Certificate struct {
	ID     string   // identity; see naming.CertificateID and naming.ImportedCertificateID
	Domain string   // the first name
	Names  []string // all names, sorted, Domain included
	// Authority is the ARN of the private authority that issues it; empty = Amazon.
	Authority string `json:",omitempty"`
	// Import is what is imported; nil = the certificate is requested.
	Import *KeyPair `json:",omitempty"`
	Tags   map[string]string
}

// KeyPair is a certificate with its private key, in PEM.
type KeyPair struct {
	Certificate string `json:"-"`
	Chain       string `json:"-"` // the intermediate certificates; may be empty
	Key         Secret `json:"-"`
	Algorithm   string // of the key, as ACM spells it
	Hash        string // of certificate and chain
	Serial      string `json:",omitempty"` // of the certificate, in hexadecimal digits without leading zeros
}
