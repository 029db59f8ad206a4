package naming

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
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

// BundleTag is the tag of a trust store that names the object from which it was created, as s3://BUCKET/KEY.
const BundleTag = "gateway.k8s.aws/ca-bundle"

// trustStorePrefix begins the identities of trust stores that a stack owns. Names of trust stores have no slash.
const trustStorePrefix = "trust-store/"

// TrustStoreID returns the identity of the trust store of authorities from objects, each as namespace/name, in their
// order.
func TrustStoreID(objects []string) string {
	return trustStorePrefix + hash10(strings.Join(objects, ","))
}

// IsTrustStoreID reports whether a text is an identity of a trust store, and neither the name nor the ARN of one.
func IsTrustStoreID(s string) bool { return strings.HasPrefix(s, trustStorePrefix) }

// TrustStore returns the name of a trust store of a stack. The hash covers cluster, stack and identity of the trust
// store.
func TrustStore(cluster string, of stack.Key, id string) string {
	return readable(of.ID.Namespace, of.ID.Name, hash10(cluster, of.String(), id))
}

// MayBeTrustStore reports whether the ARN of a trust store has a name of the form that TrustStore gives.
func MayBeTrustStore(arn string) bool { return strings.Contains(arn, ":truststore/k8s-") }

// Bundle returns the value of BundleTag for an object of S3.
func Bundle(bucket, key string) string { return "s3://" + bucket + "/" + key }

// TrustStoreObject returns the key of the object with the bundle of a trust store.
func TrustStoreObject(prefix, cluster, name string) string {
	return strings.TrimPrefix(strings.TrimSuffix(prefix, "/")+"/"+cluster+"/"+name+".pem", "/")
}
