package naming

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// ContentTag is the tag of an imported certificate whose value identifies the imported content.
const ContentTag = "ingress.k8s.aws/content-hash"

// CertificateID returns the identity of the certificate that is requested for an Ingress: its type in lower case, its
// domain with "wildcard" for each asterisk, shortened if it is too long for a tag, and 8 hexadecimal digits of the
// Ingress.
func CertificateID(private bool, domain, namespace, name string) string {
	kind := "amazon_issued"
	if private {
		kind = "private"
	}
	by := "-" + certificateOwner(namespace, name)
	return shorten(kind+"/"+strings.ReplaceAll(domain, "*", "wildcard"), maxTagValue-len(by)) + by
}

func certificateOwner(namespace, name string) string {
	sum := sha256.Sum256([]byte(namespace + "/" + name))
	return hex.EncodeToString(sum[:])[:8]
}

// ImportedCertificateID returns the identity of the certificate that is imported from a Secret.
func ImportedCertificateID(namespace, secret string) string {
	return shorten("imported/"+namespace+"/"+secret, maxTagValue)
}

// CertificateOwner returns the part of an identity that all certificates for one Ingress or Secret have. After a change
// of hosts or type, the former certificate stays in use until the new one is issued.
func CertificateOwner(id string) string {
	if strings.HasPrefix(id, "imported/") {
		return id
	}
	return id[strings.LastIndexByte(id, '-')+1:]
}
