package naming

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

// ClusterRegionTag is the key of the tag of accelerators that names the Region of the cluster: accelerators themselves
// are of no Region.
const ClusterRegionTag = "elbv2.k8s.aws/cluster-region"

// AcceleratorFinalizer is the finalizer of GlobalAccelerators.
const AcceleratorFinalizer = "aga.k8s.aws/resources"

// AcceleratorDeletionProtection is the annotation of GlobalAccelerators that keeps an accelerator, with its static
// addresses, when its object is deleted: the object stays in deletion until the annotation is removed. Any value but
// "false" and "disabled" protects.
const AcceleratorDeletionProtection = string(annotation.AcceleratorDeletionProtection)

// Accelerator returns the name of an accelerator whose object gives none: "k8s_" + 16 characters of the namespace + "_"
// + 16 of the name + "_" + 25 digits of a hash, which depends on the IP address type too, so that another type is
// another name.
func Accelerator(cluster, region, namespace, name, ipAddressType string) string {
	sum := sha256.Sum256([]byte(cluster + region + namespace + name + ipAddressType))
	return "k8s_" + acceleratorPart(namespace) + "_" + acceleratorPart(name) + "_" + hex.EncodeToString(sum[:])[:25]
}

// acceleratorPart is what the name of an accelerator has of another one: unlike those of load balancers it keeps
// hyphens.
func acceleratorPart(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || clean(string(r)) != "" {
			return r
		}
		return -1
	}, s)
	return s[:min(len(s), 16)]
}
