package former

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

// documented are the annotations that the cloud provider's controller documents for Services, without
// service.beta.kubernetes.io/aws-load-balancer-.
var documented = []string{
	"type", "internal", "proxy-protocol", "access-log-emit-interval", "access-log-enabled", "access-log-s3-bucket-name",
	"access-log-s3-bucket-prefix", "connection-draining-enabled",
	"connection-draining-timeout", "connection-idle-timeout", "cross-zone-load-balancing-enabled", "extra-security-groups",
	"security-groups", "ssl-cert", "ssl-ports",
	"ssl-negotiation-policy", "backend-protocol", "additional-resource-tags", "healthcheck-healthy-threshold",
	"healthcheck-unhealthy-threshold", "healthcheck-timeout",
	"healthcheck-interval", "healthcheck-port", "healthcheck-protocol", "healthcheck-path", "eip-allocations",
	"private-ipv4-addresses", "target-group-attributes", "subnets",
	"target-node-labels",
}

// TestTheFateOfEveryAnnotationOfServicesIsKnown fails for an annotation that is added without a row.
func TestTheFateOfEveryAnnotationOfServicesIsKnown(t *testing.T) {
	t.Parallel()
	rows := map[annotation.Key]int{}
	read := map[annotation.Key]bool{}
	for _, r := range ServiceRows() {
		rows[r.Key]++
		read[r.Key] = r.Network.Fate != Unread || r.Classic.Fate != Unread
		if !r.Network.complete() || !r.Classic.complete() {
			t.Errorf("%s: %+v", r.Key, r)
		}
	}
	want := map[annotation.Key]bool{}
	for _, suffix := range documented {
		k := annotation.Key(annotation.ServicePrefix + "aws-load-balancer-" + suffix)
		if want[k] = true; rows[k] != 1 || !read[k] {
			t.Errorf("%s, of the cloud provider's controller, has %d rows, read: %t", k, rows[k], read[k])
		}
	}
	for _, e := range annotation.Entries() {
		if e.Scope == annotation.OnService && strings.HasPrefix(string(e.Key), annotation.ServicePrefix) {
			if want[e.Key] = true; rows[e.Key] != 1 {
				t.Errorf("%s, of this controller, has %d rows", e.Key, rows[e.Key])
			}
		}
	}
	for k := range rows {
		if !want[k] {
			t.Errorf("%s is no annotation of either controller", k)
		}
	}
}

// TestTheFateOfEveryAnnotationOfIngressesIsKnown fails for an annotation that is added without a row.
func TestTheFateOfEveryAnnotationOfIngressesIsKnown(t *testing.T) {
	t.Parallel()
	rows := map[annotation.Key]int{}
	for _, r := range IngressRows() {
		if rows[r.Key]++; !r.complete() {
			t.Errorf("%s: %+v", r.Key, r)
		}
	}
	for _, e := range annotation.Entries() {
		if strings.HasPrefix(string(e.Key), annotation.IngressPrefix) && rows[e.Key] != 1 {
			t.Errorf("%s has %d rows", e.Key, rows[e.Key])
		}
		delete(rows, e.Key)
	}
	for k := range rows {
		t.Errorf("%s is no annotation", k)
	}
}

// complete reports whether a treatment says what its fate needs.
func (t Treatment) complete() bool {
	switch t.Fate {
	case Same, Unread:
		return t.Text == "" && t.Remedy == ""
	case Translated, Equivalent:
		return t.Text != "" && t.Remedy == ""
	case Cannot:
		return t.Text != "" && t.Remedy != ""
	}
	return false
}
