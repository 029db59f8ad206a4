package naming

import (
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

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
